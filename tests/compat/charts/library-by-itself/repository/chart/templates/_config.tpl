{{ define "lib.config" }}{{ end }}
