package main

import (
	"math/rand"
	"strings"
)

// whole are templates that use every part of the language. What is asked is made of them.
var whole = []string{
	`a{{if .yes}}b{{else if .no}}c{{else}}d{{end}}e`,
	`{{with .nested.a}}{{.b.c}}{{else with .name}}{{.}}{{else}}x{{end}}`,
	`{{range $i, $e := .words}}{{if eq $i 2}}{{break}}{{end}}{{$e}},{{else}}none{{end}}`,
	`{{range $k, $v := .metadata.labels}}{{$k}}={{$v}};{{end}}`,
	`{{range 3}}{{if eq . 1}}{{continue}}{{end}}{{.}}{{end}}`,
	`{{define "x"}}<{{.}}>{{end}}{{template "x" .name}}{{block "y" .count}}[{{.}}]{{end}}`,
	`{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{$x}}{{$y}}{{end}}{{$x}}`,
	" \n{{- /* c */ -}}\n x {{- .name -}} y {{ `raw` }}\n",
	`{{(index .words 0 | upper).x}}{{("a" | printf "%s-%d" "b") }}`,
	`{{ .nested.list | len | printf "%03d" }} {{ "q\"\u00e9\n" }} {{ 'a' }} {{ 0x1F }} {{ 1e3 }} {{ -1.5 }} {{ nil | default 3 }}`,
	`{{and .yes .name | or .empty | not}}{{printf "%v" (list 1 "a" (dict "k" .count))}}`,
	`{{$.name}}{{with $m := .nested}}{{$m.n}}{{range $m.list}}{{.name}}{{$.zero}}{{end}}{{end}}`,
}

// pieces are inserted where they do not belong.
var pieces = []string{"{{", "}}", "{{end}}", "{{else}}", "{{else if 1}}", "{{else with}}", " ", "(", ")", "|", ":=", "=", "$", ".", ",", "\"", "'", "`", "\n", "-", "nil", "1x", "0b2", "$z", ".x", "if", "end", "{{break}}", "{{continue}}", "{{define}}", "{{template}}", "{{range}}", "/*", "*/", "\x00", "é", "{{- ", " -}}", "1_", "'ab'", "\"\\q\"", "..", ".1", "1.", "+1", "nosuch", "{{define \"x\"}}", "{{block}}", "{{if}}", "#", "\\"}

// mutated are the whole templates with a piece cut out, put in or doubled.
func mutated() (asked []string) {
	random := rand.New(rand.NewSource(7))
	asked = append(asked, whole...)
	for _, text := range whole {
		for range 34 {
			at := boundary(text, random)
			switch random.Intn(4) {
			case 0:
				asked = append(asked, text[:at])
			case 1:
				to := min(len(text), at+1+random.Intn(6))
				asked = append(asked, strings.ToValidUTF8(text[:at]+text[to:], ""))
			default:
				asked = append(asked, text[:at]+pieces[random.Intn(len(pieces))]+text[at:])
			}
		}
	}
	for _, piece := range pieces {
		asked = append(asked, piece, "{{"+piece+"}}", "{{ .name "+piece+" }}", "{{if .yes}}{{"+piece+"}}{{end}}", "x\n\n{{ (print "+piece+") }}")
	}
	return asked
}

// boundary is an offset at which a character starts.
func boundary(text string, random *rand.Rand) int {
	at := random.Intn(len(text) + 1)
	for at < len(text) && text[at]&0xC0 == 0x80 {
		at++
	}
	return at
}

// A sentence is an expression, an action or a block, made by chance.
type sentence struct{ *rand.Rand }

func (s sentence) one(of ...string) string { return of[s.Intn(len(of))] }

func (s sentence) operand(depth int) string {
	if depth > 0 && s.Intn(3) == 0 {
		return "(" + s.pipeline(depth-1) + ")" + s.one("", "", "", ".a", ".Year", ".b.c")
	}
	return s.one(".", "$", ".name", ".count", ".price", ".nothing", ".missing", ".missing.x", ".nothing.x", ".nested.a.b.c", ".name.x", ".count.x", ".words", ".mixed", ".nested", ".none", ".nodict", ".yes", "$v", "$v.a", "$k", "nil", "true", "0", "-7", "2.5", "1e3", `""`, `"a"`, `"%v %d"`, "'x'", ".metadata.labels.env")
}

func (s sentence) command(depth int) string {
	name := s.one("len", "index", "print", "printf", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "default", "upper", "toString", "quote", "list", "dict", "first", "add", "mul", "join", "ternary", "empty", "toJson", "call", "html", "slice", "hasKey", "get", "typeOf", "coalesce", "trunc")
	for range 1 + s.Intn(3) {
		name += " " + s.operand(depth)
	}
	return name
}

func (s sentence) pipeline(depth int) string {
	text := s.command(depth)
	if s.Intn(3) == 0 {
		text = s.operand(depth)
	}
	for s.Intn(3) == 0 {
		text += " | " + s.one("len", "print", "upper", "not", "toJson", "quote", "printf \"%v\"", "default 1", "index .words", "first", "eq 1", ".x", "$v", ".name", "and true", "or false")
	}
	return text
}

func (s sentence) block(depth int) string {
	if depth == 0 || s.Intn(3) == 0 {
		return "{{" + s.pipeline(1) + "}}"
	}
	inner := s.block(depth - 1)
	return s.one(
		"{{if "+s.pipeline(1)+"}}"+inner+"{{else}}-{{end}}",
		"{{with "+s.pipeline(1)+"}}"+inner+"{{.}}{{else}}-{{end}}",
		"{{range "+s.pipeline(1)+"}}"+inner+",{{else}}-{{end}}",
		"{{range $k, $v := "+s.operand(1)+"}}"+inner+"{{$k}}{{else}}-{{end}}",
		"{{range $v := "+s.operand(1)+"}}"+inner+"{{end}}",
		"{{$v = "+s.pipeline(1)+"}}"+inner+"{{$v}}",
		"{{define \"t\"}}"+inner+"{{end}}\n{{template \"t\" "+s.operand(1)+"}}",
		"\n{{- with $v := "+s.pipeline(1)+" -}}\n"+inner+"{{end}}",
	)
}

// spoken are templates made by chance, always the same ones.
func spoken() (asked []string) {
	s := sentence{rand.New(rand.NewSource(11))}
	for range 700 {
		asked = append(asked, "{{$k := 1}}{{$v := .nested}}"+s.block(s.Intn(4)))
	}
	return asked
}
