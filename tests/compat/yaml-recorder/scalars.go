package main

import "strings"

// words are plain scalars that YAML 1.1, YAML 1.2 or a careless reader takes for something else, and their neighbours.
var words = []string{
	"", "~", "null", "Null", "NULL", "nULL", "nil", "none",
	"y", "Y", "yes", "Yes", "YES", "yEs", "n", "N", "no", "No", "NO", "true", "True", "TRUE", "tRUE", "false", "False", "FALSE",
	"on", "On", "ON", "off", "Off", "OFF", "t", "f",
	"0", "-0", "+0", "00", "1", "+1", "-1", "007", "010", "-010", "08", "09", "0777", "0o17", "0O17", "0o8", "-0o17", "0x1F", "0X1f", "-0xff", "0xg", "0x",
	"0b101", "0B11", "-0b11", "0b", "0b2", "0b-1", "0b+1", "1_000", "_1", "1_", "1__0", "0x_1f", "0_7", "-_1",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
	"+18446744073709551615", "0xffffffffffffffff", "0x10000000000000000", "99999999999999999999999",
	"1.", ".5", "-.5", "+.5", "1.5", "-1.5", "1.50", "1e3", "1E3", "1e+3", "1e-3", "1.5e3", "1e", "e3", "1e400", "-1e400", "1e-400", "0.1", "0.30000000000000004",
	"123456789.123456789", "1000000.0", "1000000", "999999.5", "1e6", "1e21", "1e20", "123456789012345678901", "0.0001", "0.00001", "1.7976931348623157e308", "5e-324", "4.9e-324", "._5", ".5_5", ".5_", "1_0.5_0",
	".", "..", ".e3", ".inf", ".Inf", ".INF", "+.inf", "-.inf", "-.INF", ".iNF", ".nan", ".NaN", ".NAN", "nan", "NaN", "inf", "Infinity",
	"1:30", "190:20:30", "1:60", "190:20:30.15", "-1:30", "0:0", "1:2:3:4", "01:30", "12:30:45", "1_0:30", "a:b", "::", "a::b", ":a", "1:", "1:3x",
	"2001-12-14", "2001-1-2", "2001-13-01", "2001-02-30", "2000-02-29", "1900-02-29", "2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43Z", "2001-12-14 21:59:43.10 -5",
	"2001-12-14 21:59:43", "2001-12-14 21:59:43.10", "2001-12-15 2:59:43.10", "2001-12-14T21:59:43", "2001-12-14T25:00:00Z", "20011214", "2001-12", "12001-12-14", "2001-12-14T21:59:43+24:00",
	"1.2.3", "v1", "1.2-rc", "1,000", "50%", "$5", "10.0.0.0/8", "::1", "1s", "1h30m", "0.5Gi", "100m", "1 2", "12e", "0e0", "1e1000",
	"<<", "=", "-", "--", "---", "-a", "- a", "?", "?a", "? a", ":", "a: b", "a:", "a :b", "#a", "a#b", "a #b", "!a", "!", "&a", "*a", "|", ">", "%a", "@a", "`a`", "'a", "\"a", "a'b", "a\"b", "\\n",
	"[a", "]", "{a", "}", ",a", "a,b", "a]", "a}", "[]", "{}", "[a]", "{a: b}", "{{a}}", "{{ a }}", "...", "....", "-.", "- ", "--- a",
	"héllo", "日本", "😀", "é", "\u00a0a", "\ufeffa", "a\u0085b", "a\u2028b", "a\tb", "a\u200bb", "\ue000", "\ufffd",
}

// places put a word in the places where a plain scalar may stand.
var places = []string{
	"a: W\n", "W: 1\n", "- W\n", "[W, b]\n", "{a: W}\n", "{W: a}\n", "W", "a: !!str W\n", "a: &x W\nb: *x\n", "a: 'W'\nb: \"W\"\n",
}

// tags are put before few words.
var tagged = []string{"", "~", "yes", "1", "0x1F", "1.5", "1e3", "abc", "2001-12-14", "aGVsbG8=", "/+8=", "4oI=", ".inf", "<<", "18446744073709551615", "'1'", "\"yes\"", "'<<'", "[a]", "{a: 1}"}

var tags = []string{
	"!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!binary", "!!merge", "!!seq", "!!map", "!!set", "!!omap", "!!foo", "!", "!foo", "!<tag:yaml.org,2002:int>", "!<!foo>",
	"!e!foo", "!!", "!!in%74", "!%zz", "!<", "!a,b",
}

// scalarTexts crosses words with places, and tags with values.
func scalarTexts() (texts []string) {
	for at, word := range words {
		for index, place := range places {
			// Every word stands as a value and as a key, and in the other places in turns.
			if index > 1 && (at+index)%4 != 0 {
				continue
			}
			texts = append(texts, strings.ReplaceAll(place, "W", word))
		}
	}
	for _, tag := range tags {
		for at, value := range tagged {
			texts = append(texts, "a: "+tag+" "+value+"\n")
			if at%4 == 0 {
				texts = append(texts, tag+" "+value+": a\n", "- &x "+tag+" "+value+"\n- "+tag+" &y "+value+"\n- *x\n")
			}
		}
	}
	return texts
}
