package main

import "strings"

// printed crosses printf's verbs with values of every kind, then flags, width and precision with the verbs that heed them.
func printed() (asked []string) {
	values := []string{`7`, `-42`, `(int64 9000000000)`, `(index "é" 0)`, `1.5`, `.big`, `-1e-7`, `(divf 1 3)`, `"héllo"`, `""`, `"a\xff\x00b"`, `true`, `nil`, `.missing`, `.mixed`, `.nodict`, `.nested`, `(list)`,
		`(splitList "," "a,b")`, `(semver "1.2")`, `(toDate "2006-01-02" "2024-02-29")`, `(dict "k" (list 1 nil))`, `(until 3)`, `(maxf "+Inf")`, `(float64 "NaN")`, `(mulf -1 (float64 "Inf"))`}
	for _, verb := range strings.Split("v +v #v T d s q x X o O b c U e g t", " ") {
		for _, value := range values {
			asked = append(asked, `{{printf "%`+verb+`" `+value+`}}`)
		}
	}
	byKind := map[string][]string{
		"d":                 {`7`, `-42`, `0`, `.price`},
		"x X o O b":         {`42`, `-42`, `0`, `"hi é"`, `1.5`},
		"c q U":             {`65`, `0x1F600`, `-1`, `7`, `0x110000`},
		"e E f F g G v x b": {`1.5`, `-0.000123`, `123456789.0`, `.big`, `0.0`, `1e21`, `(maxf "Inf")`},
		"s q v x":           {`"héllo"`, `"a\"b` + "`" + `c\n"`, `.words`},
		"t":                 {`true`},
		"v":                 {`nil`, `.nothing`, `.mixed`, `true`},
	}
	directives := []string{"%5", "%-5", "%05", "%+", "% ", "%#", "%.2", "%8.3", "%-8.3", "%08.3", "%+08.1", "%#.0", "% 05", "%.0", "%+-9.4", "%12.", "%#+ 0-3.1", "%.20"}
	count := 0
	for _, kinds := range []string{"d", "x X o O b", "c q U", "e E f F g G v x b", "s q v x", "t", "v"} {
		for _, verb := range strings.Split(kinds, " ") {
			for _, value := range byKind[kinds] {
				// Each verb and value meets every third form.
				for index, directive := range directives {
					if (index+count)%3 == 0 {
						asked = append(asked, `{{printf "`+directive+verb+`" `+value+`}}`)
					}
				}
				count++
			}
		}
	}
	formats := []string{"%d %d", "%d", "%", "%!", "%z", "%é", "%[2]d %[1]d", "%[3]d", "%[0]d", "%[x]d", "%[1", "%[2]*[1]d", "%*d", "%-*d", "%.*f", "%[1]*.[2]*[3]f", "%.[2]f", "%1000001d", "%.1000001f", "%5%", "%-%", "%[1]d %d", "%w", "%p", "%v%v%v%v", "100%", "%[2]d", "%.-1f", "%+q %#q", "%#x % x %# X", "% 7.2f|%-7v|", "%[1]v %[1]T %[1]q", "é%dé", "%.3x", "%6.2f%%"}
	for _, format := range formats {
		for _, arguments := range []string{``, ` 5`, ` 5 3.25 "x"`, ` -3 2`, ` "s"`} {
			asked = append(asked, `{{printf `+quote(format)+arguments+`}}`)
		}
	}
	return append(asked, `{{printf}}`, `{{printf 1}}`, `{{printf .missing}}`, `{{printf nil}}`, `{{print}}`, `{{println}}`, `{{print 1 2 "a" "b" 3 nil 4}}`, `{{println nil "a"}}`, `{{5 | printf "%03d"}}`)
}
