package main

import (
	"maps"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"text/template"
)

// Values in template syntax, by what they are.
var (
	texts = quoted("", "a", "Hello, Wörld 42!", "日本語テキスト", "a\xffb", "  pad\t\n", "snake_case-AndHTTPCamel42x", "ßŒ ǆ İı ﬁ", "a.b.c", "--", "The quick brown fox jumps over the lazy dog")
	short = quoted("", "a", "l", "o w", "日", ",", "abc", "\xff")
	ints  = strings.Fields(`-9223372036854775808 -8 -1 0 1 2 3 5 7 40`)
	// small is for counts that Go would try to allocate.
	small   = strings.Fields(`-1 0 1 2 3 11`)
	numbers = append(strings.Fields(`0 -1 7 1.5 -2.5 nil true .n .big .price (int64\ 5) (list) 1e300 9223372036854775807 'a' 1e-7 .missing .map`),
		quoted("", "12", "1.5e3", "0x1F", "010", "abc", "9223372036854775808", "-3.0", "1_000", " 7", "NaN", "3.99")...)
	lists = []string{`.words`, `.mixed`, `.none`, `(list)`, `(list 1 "a" nil)`, `(list "b" "" "a" "b")`, `(list (list 1) (list 1))`, `(splitList "," "x,y,x")`, `(until 4)`,
		`.nothing`, `.missing`, `.map`, `"abc"`, `nil`, `3`, `(list 1 2 3 1 2.0 "1" 1)`, `(tuple true false)`, `(chunk 2 .words)`}
	dicts = []string{`(dict)`, `(dict "a" 1 "b" (dict "c" nil "d" (list 1)))`, `(dict "a" "" "e" (dict "f" 2))`, `.map`, `.nested`, `(dict "a" nil)`, `.nothing`, `.missing`, `nil`, `"x"`, `(list)`, `(split "," "a,b")`}
	any_  = []string{`nil`, `.missing`, `true`, `0`, `-1`, `1.5`, `""`, `"a"`, `.n`, `.nothing`, `(list)`, `(list 1 "a" nil)`, `(dict)`, `(dict "a" 1)`, `(index "a" 0)`, `(int64 3)`, `(semver "1.2.3")`}
	// wrong is given to parameters that do not take it.
	wrong = []string{`nil`, `.missing`, `1`, `1.5`, `"s"`, `true`, `.list`, `.map`, `.n`, `.nothing`, `(list)`, `.`, `$`, `'x'`, `1i`, `(dict)`, `(add 1 1)`, `(index "a" 0)`}

	patterns = quoted("", "a", "[a-z]+", "(\\w+)\\s(\\w+)", "o|l", "^", "$", "(?i)HELLO", "日.", "[[:upper:]]", "\\pL+", "\\p{Greek}", "(?P<x>l+)", "x*", "(a", "a)", "[z-a]", "*", "a{2,1}", "\\8", "[[:foo:]]", "a**", "(?z)", "\\", "a{1001}", "(?s).", "\\bfox\\b", "[^a-z ]", "\\d{2}", ".*?o", "(?m)^\\S", "\\x{65e5}", "\\z", "[]a]", "a{,2}", "\\Qa.b\\E", "[\\d\\-x]", "\\C", "(?P<n>a)(?P<n>b)", "(?P<>a)", "\\pX", "x{0}", "[a&&b]", "(?<name>o)", "\\A\\w", "a++", "[[a]", "(?:)", "\\Z")
	layouts  = quoted("2006-01-02", "2006-01-02T15:04:05Z07:00", "Mon Jan _2 15:04:05 2006", "Monday, 02-Jan-06 15:04:05 MST", "3:04PM", "Jan _2 15:04:05.000000", "002 __2 2 1 3 4 5 pm", "2006-01-02 15:04:05.999999999 -0700 MST", "-07 -0700 -07:00 -070000 -07:00:00 Z07 Z0700 Z07:00:00", "January Jane Monz", "", "no verbs", "05.000 05,999 .00", "200601021504", "02/01/06 03 04 PM", "日2006年")
	stamps   = []string{`1700000000`, `(int64 1700000000)`, `0`, `-1`, `(toDate "2006-01-02T15:04:05Z07:00" "2024-02-29T13:04:05.123456789+05:30")`, `(toDate "2006-01-02" "nope")`, `(toDate "2006-01-02" "0001-01-01")`, `(toDate "2006-01-02 MST" "2024-07-01 EST")`}
	zones    = quoted("", "UTC", "Local", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Nope/Zone", "EST", "EST5EDT", "../x", "Etc/GMT+5", "America/Sao_Paulo")
	spans    = quoted("", "0", "1h", "-1h30m", "1.5h", "2h45m3.5s", "100ms", "1us", "3µs", "5", "h", "1d", "9223372036854775807ns", "9223372036854775808ns", ".5s", "1.s", ".s", "-", "+5m", "95", "-3600", "400h", "9000h", "800h")
	versions = quoted("1.2.3", "v1.2", "1", "1.2.3-rc.1+build5", "01.2.3", "1.2.3.4", "", "a", "1.2.3-01", "2.0.0-alpha", "1.2.3+meta", "18446744073709551616.0.0", "1.0.0-alpha.beta", "v0.0.0")
	ranges   = quoted("", "*", "1.2.3", "=1.2.3", "!=1.2.3", ">1", ">=1.2 <2", "~1.2", "^1.2", "^0.2.3", "~0", "1.x", "1.2 - 1.4", ">=1.2.3-0", "^1 || ^2", "> 1.2, < 3", "~> 1.2", "=>1", "=<2", "abc", ">=1.2 abc", "1.2.3 - 2", "^0", "^0.0.3", "!=1.x", "~1.2.3-beta", "<1.2", "<=1.2")
	urls     = quoted("https://user:pa%20ss@example.com:8443/a/b%20c?q=1&r=x#frag", "", "a", "/p", "http://h", "http://[::1]:80/", "mailto:a@b", "http://h:port/", "%zz", ":", "http://a b/", "//h/p", "http://h?q#f%20g", "HTTP://H/P", "http://h/a%2Fb", "x:y:z", "http://u@h", "http://h/#", "http://[::1", "a:b", "1a:b", "http://h:/x", "http://%41/", "/a?b=c?d", "http://h/é", "*", "http://u:p@:80")
	words    = quoted("", "a", "hello world", "HelloWorld", "hello_world", "HTTPServer", "a-b_c d", "_x_", "Foo42Bar", "42foo", "foo  bar", "ÉcoleÀ", "日本語 go", "XMLHttpRequest2", "a.b,c", "--", "A", "AB", "aB", "IPv4Address", "__init__", "x1y2z3", "HELLO WORLD", "it's o'clock", "tab\tand\nnewline")
	bases    = quoted("", "aGVsbG8=", "aGVsbG8", "????", "aGVsbG8=\n", "YQ==", "YQ=", "Y", "JBSWY3DP", "JBSWY3A=", "jbswy3dp", "ME======", "M", "YWJj ZGVm", "/+8=")
	jsons    = quoted(`{"a":1,"b":[true,null,"x"]}`, "", "null", "1e3", "[", `{"a"}`, `"\u00e9\ud83d\ude00"`, "1 2", "-0", "[1,]", `{"b":1,"a":2,"b":3}`, "tru", `"\x"`, "nul", "{", `{"a":`, "01", "1.", "\"\t\"", "[1 2]", `{1:2}`, "-", "\"abc", "12345678901234567890", "1e400", `"\ud800"`, " [ ] ")
	paths    = quoted("", ".", "/", "a", "a/b.c", "/a/../b//c.tar.gz", "a/", "../..", "./a/./b/..", "//x", ".hidden", "a.b/c", "/..", "a//b/")
)

// quoted writes strings as template constants.
func quoted(values ...string) []string {
	var all []string
	for _, value := range values {
		all = append(all, quote(value))
	}
	return all
}

// surface is what each function is asked: the values of each parameter.
var surface = map[string][][]string{
	"abbrev": {ints, texts}, "abbrevboth": {ints, ints, texts}, "add": {numbers, numbers}, "add1": {numbers}, "add1f": {numbers}, "addf": {numbers, numbers},
	"adler32sum": {texts}, "all": {any_, any_}, "and": {any_, any_}, "any": {any_, any_}, "append": {lists, any_}, "atoi": {quoted("", "12", "-7", "0x1F", "010", "abc", "+3", "9223372036854775808", "1_0", " 1", "1.0")},
	"b32dec": {bases}, "b32enc": {texts}, "b64dec": {bases}, "b64enc": {texts}, "base": {paths}, "biggest": {numbers, numbers}, "camelcase": {words}, "cat": {any_, any_},
	"ceil": {numbers}, "chunk": {small, lists}, "clean": {paths}, "coalesce": {any_, any_}, "compact": {lists}, "concat": {lists, lists}, "contains": {short, texts},
	"date": {layouts, stamps}, "dateInZone": {layouts, stamps, zones}, "dateModify": {spans, stamps}, "mustDateModify": {spans, stamps[4:]}, "deepCopy": {any_}, "deepEqual": {any_, any_},
	"default": {any_, any_}, "dict": {any_, any_, any_}, "dig": {quoted("a", "b", "missing"), quoted("c", "d", "x"), any_, dicts}, "dir": {paths}, "div": {numbers, numbers}, "divf": {numbers, numbers},
	"duration": {append(slices.Clone(numbers), spans...)}, "durationRound": {append(spans, `(int64 7200000000000)`, `5`, `nil`, `(int64 -90000000000)`)}, "empty": {any_}, "eq": {any_, any_}, "ext": {paths},
	"fail": {texts}, "first": {lists}, "float64": {numbers}, "floor": {numbers}, "fromJson": {jsons}, "ge": {any_, any_}, "get": {dicts, short}, "gt": {numbers, numbers}, "has": {any_, lists},
	"hasKey": {dicts, short}, "hasPrefix": {short, texts}, "hasSuffix": {short, texts}, "html": {texts, any_}, "htmlDate": {stamps}, "htmlDateInZone": {stamps, zones}, "indent": {small, texts},
	"index": {append(lists, dicts...), any_}, "initial": {lists}, "initials": {words}, "int": {numbers}, "int64": {numbers}, "isAbs": {paths}, "join": {short, lists}, "js": {texts, any_},
	"kebabcase": {words}, "keys": {dicts[4:]}, "kindIs": {quoted("map", "slice", "invalid", "float64", "string", "int", "ptr"), any_}, "kindOf": {any_}, "last": {lists}, "le": {any_, any_}, "len": {any_},
	"list": {any_, any_}, "lower": {texts}, "lt": {any_, any_}, "max": {numbers, numbers}, "maxf": {numbers, numbers}, "merge": {dicts, dicts}, "mergeOverwrite": {dicts, dicts}, "mustMerge": {dicts, dicts}, "mustMergeOverwrite": {dicts, dicts},
	"min": {numbers, numbers}, "minf": {numbers, numbers}, "mod": {numbers, numbers}, "mul": {numbers, numbers}, "mulf": {numbers, numbers}, "mustAppend": {lists, any_}, "mustChunk": {small, lists}, "mustCompact": {lists},
	"mustDeepCopy": {any_}, "mustFirst": {lists}, "mustFromJson": {jsons}, "mustHas": {any_, lists}, "mustInitial": {lists}, "mustLast": {lists}, "mustPrepend": {lists, any_}, "mustPush": {lists, any_}, "mustRest": {lists},
	"mustReverse": {lists}, "mustSlice": {lists, ints, ints}, "mustToDate": {layouts, quoted("", "2024-02-29", "2024-02-29T13:04:05Z", "2023-02-29", "Mon Jan  2 15:04:05 2006", "3:04PM", "13:04PM", "2024-13-01", "2006-01-02x", "005  5 2 1 3 4 5 pm", "Monday, 02-Jan-06 15:04:05 PDT", "Jan  2 15:04:05.5", "2024-02-29 1:2:3 +0530 IST", "no verbs", "05.123 05 .00", "202402291304", "29/02/24 03 04 AM")},
	"mustToJson": {any_}, "mustToPrettyJson": {any_}, "mustToRawJson": {any_}, "mustUniq": {lists}, "mustWithout": {lists, any_},
	"mustRegexFind": {patterns, texts}, "mustRegexFindAll": {patterns, texts, small}, "mustRegexMatch": {patterns, texts}, "mustRegexReplaceAll": {patterns, texts, quoted("", "X", "$1", "${1}x", "$1x", "$x", "${x}", "$$", "$", "${", "${}", "$name", "$9", "${0}", "\\1")},
	"mustRegexReplaceAllLiteral": {patterns, texts, quoted("X", "$1", "")}, "mustRegexSplit": {patterns, texts, small}, "ne": {any_, any_}, "nindent": {small, texts}, "nospace": {texts}, "normalize": {texts},
	"not": {any_}, "omit": {dicts, short, short}, "or": {any_, any_}, "osBase": {paths}, "osClean": {paths}, "osDir": {paths}, "osExt": {paths}, "osIsAbs": {paths}, "pick": {dicts, short, short}, "pluck": {quoted("a", "b", "x"), dicts, dicts},
	"plural": {quoted("one"), quoted("many"), ints}, "prepend": {lists, any_}, "print": {any_, any_}, "println": {any_, any_}, "push": {lists, any_}, "quote": {append(texts, any_...), any_},
	"regexFind": {patterns, texts}, "regexFindAll": {patterns, texts, small}, "regexMatch": {patterns, texts}, "regexQuoteMeta": {append(texts, patterns...)}, "regexReplaceAll": {patterns, texts, quoted("<$1>", "${2}$1", "$0")},
	"regexReplaceAllLiteral": {patterns, texts, quoted("<$1>")}, "regexSplit": {patterns, texts, small}, "repeat": {small, texts}, "replace": {short, short, texts}, "rest": {lists}, "reverse": {lists},
	"round": {numbers, []string{"0", "1", "2", "-1", "20"}, []string{"", "0.5", "0.1", "1"}}, "semver": {versions}, "semverCompare": {ranges, versions}, "seq": {small, []string{"", "1", "-2", "5"}, []string{"", "3", "-5"}},
	"set": {dicts, short, any_}, "sha1sum": {texts}, "sha256sum": {texts}, "sha512sum": {texts}, "slice": {lists, ints, ints}, "slugify": {[]string{"", "3", "0", "1.5", "-1"}, []string{"", "true", "false", "1"}, words}, "snakecase": {words},
	"sortAlpha": {lists}, "split": {short, texts}, "splitList": {short, texts}, "splitn": {short, ints, texts}, "squote": {append(texts, any_...), any_}, "sub": {numbers, numbers}, "subf": {numbers, numbers}, "substr": {ints, ints, texts},
	"swapcase": {texts}, "ternary": {any_, any_, any_}, "title": {words}, "toDate": {layouts, quoted("2024-02-29", "", "2024-02-29T13:04:05Z")}, "toDecimal": {numbers}, "toJson": {append(any_, texts...)},
	"toPrettyJson": {append(any_, dicts...)}, "toRawJson": {append(any_, texts...)}, "toString": {any_}, "toStrings": {append(any_, lists...)}, "trim": {texts}, "trimAll": {short, texts}, "trimPrefix": {short, texts}, "trimSuffix": {short, texts},
	"trimall": {short, texts}, "trunc": {ints, texts}, "tuple": {any_, any_}, "typeIs": {quoted("string", "map[string]interface {}", "<nil>", "[]interface {}", "int"), any_}, "typeIsLike": {quoted("semver.Version", "string", "*semver.Version"), any_},
	"typeOf": {append(any_, lists...)}, "uniq": {lists}, "unixEpoch": {stamps[4:]}, "unset": {dicts, short}, "until": {small}, "untilStep": {small, small, []string{"-1", "0", "1", "2"}}, "untitle": {words}, "upper": {texts},
	"urlJoin":  {append(dicts, `(urlParse .url)`, `(dict "scheme" "http" "host" "h" "path" "p q" "query" "a=b c" "fragment" "f g")`, `(dict "host" "h" "userinfo" "u:p w")`, `(dict "scheme" "x" "opaque" "o")`, `(dict "scheme" 1)`, `(dict "path" "a:b")`, `(dict "host" "h" "path" "//x" "userinfo" "%zz")`, `(dict "host" "::1" "scheme" "a")`)},
	"urlParse": {urls}, "urlquery": {texts, any_}, "values": {dicts}, "without": {lists, any_, any_}, "wrap": {small, append(texts, quoted("aaa bbb ccccccccccc dd", " a  b ")...)}, "wrapWith": {small, short, append(texts, quoted("aaa bbb ccccccccccc dd")...)},
}

// most is how many templates cross the values of one function.
const most = 28

// crossed asks each function for what surface lists, then for one wrong argument each, too few and too many.
func crossed(table template.FuncMap) (asked []string) {
	for index, name := range slices.Sorted(maps.Keys(surface)) {
		positions := surface[name]
		random := rand.New(rand.NewSource(int64(index)))
		for _, arguments := range combinations(positions, random) {
			asked = append(asked, call(name, arguments))
		}
		good := combinations(positions, random)[0]
		for position := range positions {
			for range 2 {
				arguments := slices.Clone(good)
				arguments[position] = wrong[random.Intn(len(wrong))]
				asked = append(asked, call(name, arguments))
			}
		}
		piped := slices.Clone(good)
		asked = append(asked, call(name, nil), "{{"+piped[len(piped)-1]+" | "+strings.Join(append([]string{name}, piped[:len(piped)-1]...), " ")+"}}")
		if function := reflect.ValueOf(table[name]); function.IsValid() && !function.Type().IsVariadic() {
			asked = append(asked, call(name, append(good, "1")), call(name, good[:len(good)-1]))
		}
	}
	return asked
}

func call(name string, arguments []string) string {
	given := slices.DeleteFunc(slices.Clone(arguments), func(argument string) bool { return argument == "" })
	return "{{" + strings.Join(append([]string{name}, given...), " ") + "}}"
}

// combinations are all when they are few. Else every value is used at least once, beside others by chance.
func combinations(positions [][]string, random *rand.Rand) (all [][]string) {
	count, longest := 1, 0
	for _, values := range positions {
		count *= len(values)
		longest = max(longest, len(values))
	}
	if count <= max(most, longest) {
		all = [][]string{nil}
		for _, values := range positions {
			var next [][]string
			for _, head := range all {
				for _, value := range values {
					next = append(next, append(slices.Clone(head), value))
				}
			}
			all = next
		}
		return all
	}
	for index := range max(most, longest) {
		var arguments []string
		for _, values := range positions {
			if index < len(values) && len(values) == longest {
				arguments = append(arguments, values[index])
			} else {
				arguments = append(arguments, values[random.Intn(len(values))])
			}
		}
		all = append(all, arguments)
	}
	return all
}
