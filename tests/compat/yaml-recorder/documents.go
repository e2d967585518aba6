package main

import (
	"fmt"
	"strings"
)

// documentTexts are structures: block scalars with every header, quoted text over lines, merges, anchors, streams, directives.
func documentTexts() (texts []string) {
	bodies := []string{
		"", "a", "a\n", "a\n\n", "\na", "  a\n", " a\nb\n", "a\n b\n", "a\nb\n\nc\n", "a\n\n\nb\n  c\n\n  d\ne\n", "\ta\n", "a\t\n", "# a\n", "a # b\n", "a\n# b\n", "- a\n", "a: b\n", "\n\n", "a \nb\n", "é\n😀\n", "---\n", "a\r\nb\r\n",
	}
	for _, header := range []string{"|", ">", "|-", "|+", ">-", ">+", "|2", "|2-", "|-2", ">1", ">+1", "|9", "|0", "|x", "| # c", "|\t", "|+-", "|22"} {
		for at, body := range bodies {
			if len(header) > 2 && at%3 != 0 {
				continue
			}
			indented := strings.ReplaceAll("  "+body, "\n", "\n  ")
			texts = append(texts, "a: "+header+"\n"+indented+"\nb: 1\n", "- "+header+"\n"+strings.TrimRight(indented, " "))
		}
	}
	for _, body := range []string{
		"", "a", "a b", " a ", "a\n  b", "a\n\n  b", "a\n\n\n  b  \n  c", "a  \n  b", "a\\\n  b", "a \\\n   b", "a\n  \\ b", "a\nb", "a\n---\nb", "a\n...\nb", "a\tb", "a''b", "a\\\"b", "\\x41\\u00e9\\U0001F600",
		"\\0\\a\\b\\t\\n\\v\\f\\r\\e\\ \\\\\\_\\L\\P", "\\q", "\\x4", "\\u12", "\\ud83d", "\\udc00\\ud83d", "\\U00110000", "a\n\tb", "# a", "a # b", "a: b", "{{ .a }}", "%", "\\\t", "\\\n  a", "a\\", "é\n  ü",
	} {
		texts = append(texts, "k: \""+body+"\"\nl: 1\n", "k: '"+body+"'\n", "- \""+body+"\"\n", "\""+body+"\": v\n", "["+"'"+body+"']\n")
	}
	merged := []string{"*x", "[*x, *y]", "[*y, *x]", "{c: 7}", "[{c: 7}, *x]", "[]", "~", "1", "*l", "[*l]", "[1]", "*s", "[[*x]]", "a", "!!map {c: 7}", "\n    c: 7\n", "\n  - *x\n  - c: 7\n"}
	for _, value := range merged {
		for _, around := range []string{"<<: %s\n", "a: own\n  <<: %s\n", "<<: %s\n  a: own\n", "a: own\n  <<: %s\n  b: own\n  <<: *y\n", "!!merge '<<': %s\n"} {
			base := "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nl: &l [*x]\ns: &s text\nm:\n  "
			texts = append(texts, base+fmt.Sprintf(around, value))
		}
	}
	// What our reader and writer do in their own way, once each.
	texts = append(texts, "%YAML 1.2\n---\na: 1\n", "a: \"b\\/c\"\n", "a: \"\\ud83d\\ude00\"\n", "{\"a\": \"b\u0085c\"}", "{\"a\": \"\x7f\"}", "? {1: a, true: b, 1.5: c}\n: d\n", "a: \"\\N\"\n", "a: \"\\x7f\"\n")
	texts = append(texts, strings.Split(documents, "\n====\n")...)
	for _, document := range strings.Split(documents, "\n====\n") {
		texts = append(texts, strings.ReplaceAll(document, "\n", "\r\n"), "\ufeff"+document, "--- # c\n"+document+"\n...\n", "# c\n\n"+document+"\n--- x\n")
	}
	return texts
}

// mutatedTexts are documents with one thing wrong, mostly: what readers see when they have mistyped.
func mutatedTexts() (texts []string) {
	bases := []string{
		"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"web\"\n  labels: {app: web, 'tier': front}\ndata:\n  a: |\n    one\n    two\n  b: [1, 2]\n",
		"- name: a\n  args: [--x, \"-y\"]\n  env:\n  - name: E\n    value: 'it''s'\n- &b\n  ? k\n  : v\n- *b\n",
		"base: &base\n  x: 1\n  y: !!str 2\nderived:\n  <<: *base\n  y: >-\n    folded\n    text\n\n  z: plain text\n    over lines # comment\n",
		"%TAG !e! tag:example.com,2000:\n---\na: !e!x b\n---\nc\n...\n# end\n",
		"{\"a\": {\"b\": [1, 2.5, null, true, \"\\u00e9\\n\"]},\n \"c\": \"d\"}\n",
	}
	insertions := []string{" ", "\t", "\n", ":", ": ", "- ", "#", " #", "'", "\"", "[", "]", "{", "}", ",", "&", "*", "!", "|", ">", "%", "@", "?", "? ", "\\", "\n---\n", "\n  ", "\x01", "é", "\u0085", "{{", "<<: "}
	next := uint32(1)
	for _, base := range bases {
		for at := 0; at <= len(base); at++ {
			next = next*1664525 + 1013904223
			texts = append(texts, base[:at]+insertions[(next>>16)%uint32(len(insertions))]+base[at:])
			if at < len(base) && next%3 == 0 {
				texts = append(texts, base[:at]+base[at+1:])
			}
			if next%7 == 0 {
				texts = append(texts, base[:at])
			}
		}
	}
	return texts
}

const documents = `
====
# only a comment
====
a
====
a: 1
a: 2
====
a: 1
b: {a: 1, a: 2}
c:
- d: 1
  d: 1
====
1: a
1: b
"1": c
====
on: push
y: 1
true: 2
====
1.5: a
1e3: b
0x10: c
.inf: d
1.0: e
3.4e39: f
====
~: a
====
null: {a: 1, b: [x, 1.5, true, ~]}
====
18446744073709551615: a
====
? [a, b]
: c
====
? {a: b}
: c
====
{a: b}: c
====
[a]: b
====
[]: b
====
{}: b
====
a: {{ name }}
====
a: {{ .Values.name | quote }}
====
a: "{{ name }}"
b: {{name}}-x
====
{{ if .a }}
b: 1
{{ end }}
====
a: [b, {c: d}, [e, f], g: h, ? i : j, ? k, "l": m, n:o]
====
a: {b, c: , d: e, "f":g, ? h : i, ? j, k:l, "m": [n]}
====
a: [b, c,]
d: {e: f,}
====
a: [,]
====
a: [b,,c]
====
a: {,}
====
a: [b
====
a: {b: c
d: e
====
a: [b
  c, d]
e: {f: g
h: i}
====
a: [
b,
c
]
====
a: [
	b,
	c
]
====
a:
	b: c
====
a:
  b: c
	d: e
====
a:	b
====
a: b	
c:	d	# e
====
-	a
-	b
====
a:
 - b
 -
  - c
  -  - d
     - e
====
a:
- b
-
- c
d:
====
- - - a
    - b
  - c
- d
====
a: - b
====
a:
  b: c
 d: e
====
a:
    b: c
  d: e
====
a: b
  c: d
====
a: b: c
====
a: 'b' c
====
a: "b" "c"
====
a: b
c
====
a: b
c
d: e
====
a
b: c
====
? a
? b
: c
? |
  block
: - one
  - two
====
?
: a
====
: a
====
a: &x
  b: c
d: *x
e: &x 1
f: *x
====
&a b: *a
====
&k key: &v value
copy: {*k : *v}
====
a: *b
====
a: &a [*a]
====
a: &a {b: *a}
====
a: &b
c: *b
====
a: & b
====
a: * b
====
a: &b,c d
====
a: *b:c
====
- &a a
- &b [*a, *a]
- &c {x: *b, y: *a}
- *c
====
a: !!int hunter2
====
a: !!float 1
b: !!str 1
c: !!null
d: !!bool yes
====
a: !x
b: !!str
c: ! d
====
a: !<tag:yaml.org,2002:str> 1
b: !y!z 1
====
%YAML 1.1
---
a
====
%YAML 1.1
%YAML 1.1
---
a
====
%YAML 2.0
---
a
====
%FOO bar
---
a
====
%TAG ! tag:yaml.org,2002:
---
a: !int "1"
====
%TAG !y! tag:yaml.org,2002:
---
a: !y!float "1"
---
b: !y!float "1"
====
%TAG !a! x
%TAG !a! y
---
a
====
% a
====
a: %b
====
---
a
---
b
====
---
---
a
====
--- a
...
b
====
--- |
 a
--- >
 b
====
--- {a: b}
--- [c]
====
a: b
...
c: d
====
...
a
====
---a
====
--- a: b
====
- a
---
- b: [
====
a: b c
  d
    e

  f
g: h
====
a: b # c
  d
====
a: b
 # c
 d: e
====
a: 'b
  c'
d: "e

  f \
  g"
====
a: 'b
c'
====
"a
b": c
====
a: @b
====
a: ` + "`b`" + `
====
a: |b
====
a: >
b: |
c: |+

d: |-

e: 1
====
a: |
  b
 c
====
a: |2
    b
   c
====
a: |
    b
  c
d
====
a: |
  b
	c
====
a: |
	b
====
a:
  - |
    b
  - >

    c
    d

    e
     f
    g
====
a:    b
"c"  :  d
'e':f
====
"a":1
====
{"a":1,"b":[1,2],"c":{"d":null}}
====
{"a":1 "b":2}
====
{"a":1}}
====
{"a":1}
x
====
[1, 2, 3]
[4]
====
"just text"
====
'it''s'
====
"a" b
====
12
====
- 1
- 2
 - 3
====
 a: 1
 b: 2
====
 a: 1
b: 2
====
a: 1
 b: 2
====
a: [b]]
====
a: }b
====
a: ]
====
- a
b: c
====
a: b
- c
====
a:
  - b
  c: d
====
a:
  c: d
  - b
====
- a: b
  c: d
 e: f
====
- a: b
   c: d
====
key with spaces: value with: colon
====
key: value with #hash and : colon
====
url: http://example.com:80/a?b=c#d
time: 12:30
====
a: ?b
c: -d
e: :f
====
? a
====
a: ? b
====
a: {? b}
====
a: -
====
a: --
b: ---
====
a: [-, -b, - c]
====
a: [b #c
, d]
====
a: [b, #c
 d]
====
a: {b: c}d
====
a: {b: c} d: e
====
a: &x !!str 1
b: !!str &y 2
c: &z
d: *z
====
a: &x &y b
====
a: !!str !!int b
====
a: "b": c
====
a: b
"c" d
====
a: b
"c
====
x: {a: *y}
====
command: ["sh", "-c", "echo 'a: b' && exit 1"]
====
script: |
  #!/bin/sh
  echo "a: b" # c

  exit 0
====
nested:
  - name: a
    ports:
    - {containerPort: 80, protocol: TCP}
    - containerPort: 0x50
  - name: b
    resources: {limits: {cpu: 100m, memory: 1Gi}}
`
