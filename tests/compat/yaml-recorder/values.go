package main

import (
	"fmt"
	"strings"
)

// strings that a writer may get wrong besides the words.
var hard = []string{
	" ", "  ", "a ", " a", "\n", "\n\n", "a\n", "a\n\n", "\na", "a\nb", "a\nb\n", "a\n\nb\n", " a\nb", "a \nb", "a\n b\n", "a\nb ", "a\nb \n", "  a\n  b\n", "\n a\n", "a\n\n\n", "a\r\nb", "a\rb", "\r", "a\n\tb", "\ta", "a\t", "a\tb\n", "\t\n",
	"\x00", "\x01", "\x1b[0m", "\u2028", "\u2029a", "a\u2028\nb", "\u2028\u2028a b", "a\u2028\u2028", "\n\u2028", "a \u2028", "\u2028 a", "it's\u2028 long", "\u00a0", "\ufeff", "\ufeffab", "a\ufeffb\n", "😀", "😀\nb", "\u200b", "\u00ad", "\U0010ffff",
	"'", "\"", "''", "'a'", "\"a\"", "a'", "it's", "say \"hi\"", "\\", "a\\b", "a: 'b'", "a # 'b'", "a\n# b", "# a\nb\n", "- a\n- b\n", "a: b\nc: d\n", "---\na\n", "--- a", "...", "...a", "-- -", "- -", "a:\n", "a: \n", "key: |\n  b\n",
	"{{ .Values.a }}", "{{- range .b }}\n- {{ . }}\n{{- end }}\n", "${a}", "$(a)", "%d", "a%", "@a b", "`a`", "!a", "&a b", "*a", "? a\nb", ", a", "a ,b", "[a]\n", "{a}\n", "|\n", ">\n", "|", ">-",
}

// lines are long: they fold at 80 columns, but for words that have no end.
func lines() (all []string) {
	for _, word := range []string{"word", "a", "don't", "x: y", "é", "😀", "a  b", "#", "wordwordwordwordword", "\\", "\"", "\t"} {
		for _, times := range []int{12, 20, 40, 85} {
			all = append(all, strings.TrimSpace(strings.Repeat(word+" ", times)))
		}
	}
	for _, length := range []int{78, 79, 80, 81, 82, 127, 128, 129, 300} {
		a := strings.Repeat("a", length)
		all = append(all, a, a+" b", "b "+a, a+"  b", a+" b c "+a, a+": b", a+" \n", a+" b\n", "yes "+a, "'"+a+" b", a+"\t b c", a+" ", " "+a+" b", a+"\x01 b  c d "+a)
	}
	return all
}

// valueTexts are JSON texts of values for the writer.
func valueTexts() (texts []string) {
	put := func(value any) { texts = append(texts, asJSON(value)) }
	var all []string
	for _, word := range append(append([]string{}, words...), hard...) {
		// Go cannot write it: documents.go has what it does instead.
		if !strings.Contains(word, "\u0085") {
			all = append(all, word)
		}
	}
	for at, text := range append(all, lines()...) {
		put(map[string]any{"a": text})
		switch at % 4 {
		case 0:
			put(map[string]any{text: text})
		case 1:
			put([]any{text, []any{text}, map[string]any{"b": text}})
		case 2:
			put(map[string]any{"a": map[string]any{"list": []any{map[string]any{"b": text, text: 1}}}})
		case 3:
			put(text)
		}
	}
	for _, number := range []string{
		"0", "-0", "1", "-1", "1.0", "1.5", "-0.0", "1e3", "1E3", "1e+06", "1000000", "1234567", "12345678.9", "1e20", "1e21", "123456789012345678901234567890", "9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809",
		"0.1", "0.0001", "0.00001", "1e-7", "123456.789", "1234567.125", "3.14159", "2.5e-10", "1.7976931348623157e308", "5e-324", "100000", "999999", "999999.5", "1000000.5", "0.30000000000000004", "1e5", "1e15", "1e16", "1e17", "4.35", "1e2",
	} {
		texts = append(texts, number, `{"a": `+number+`}`, `[`+number+`, {"b": [`+number+`]}]`)
	}
	for _, text := range []string{
		"null", "true", "[]", "{}", "[[]]", "[{}]", `{"a":[]}`, `{"a":{}}`, `[[],[[]],{}]`, `[null, [null], {"a": null}]`, `[[1,2],[3,[4,[5]]]]`, `{"a":[[1],[2]],"b":[{"c":[{"d":1},{"e":[1]}]}]}`, `[{"a":1,"b":[1,2]},{"a":{"b":{"c":[]}}}]`,
		`{"a":[[],[{}]],"b":{"c":[[{"d":[]}]]}}`, `[[[["a"]]]]`, `[[{"a":[["b"]]}]]`, `""`, `{"":""}`, `{"":{"":[]}}`, `{"a":{"b":{"c":{"d":{"e":{"f":"g"}}}}}}`,
	} {
		texts = append(texts, text)
	}
	keys := []string{
		"", "a", "b", "A", "B", "a1", "a2", "a10", "a02", "a010", "a1b", "a10b", "a2b", "1", "2", "10", "01", "001", "a-b", "a.b", "a_b", "a/b", "ab", "a b", "é", "e", "z", "日", "-", "_", "~", "yes", "null", "1.5", "1e3", "true", "#", "a0", "a00", "a000", "0", "00",
		"9", "99", "100", "x9y", "x10y", "x09y", "app.kubernetes.io/name", "app", "app2", "app10", "v1", "v1alpha1", "v1beta1", "v2", "v10", "node-1", "node-10", "node-2", "node-01", "٣", "a٣", "a3", "😀", "a😀", "\u00a0", "a\tb", "a\nb", "long key long key long key long key long key long key long key long key long key long key long key long key long key long key",
	}
	for size := 2; size <= 6; size++ {
		for start := 0; start < len(keys); start += 3 {
			object := map[string]any{}
			for step := range size {
				object[keys[(start+step*step*7+step)%len(keys)]] = step
			}
			put(object)
		}
	}
	for index := range keys {
		put(map[string]any{keys[index]: 1, keys[(index*7+3)%len(keys)]: 2})
	}
	for _, many := range []int{3, 12, 30} {
		object := map[string]any{}
		for index := range many {
			object[fmt.Sprintf("key%d", index*7%many)] = map[string]any{fmt.Sprintf("k%03d", index): index, "k": []any{index, fmt.Sprint(index)}}
		}
		put(object)
	}
	return texts
}
