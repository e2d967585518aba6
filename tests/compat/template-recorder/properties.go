package main

import "fmt"

// properties asks functions whose answers are random for what is not.
func properties(encrypt func(string, string) (string, error)) (asked []string) {
	for _, kind := range []string{"randAlpha", "randAlphaNum", "randNumeric", "randAscii", "randBytes"} {
		for _, count := range []string{"0", "1", "9", "-1", `"x"`, "nil", ".n", ""} {
			asked = append(asked, fmt.Sprintf("{{len (%s %s)}}", kind, count))
		}
	}
	for _, arguments := range []string{"3 4", "4 3", "4 4", "-1 0", "0 1", `"a" 1`, "1", "nil 1", "-3 -2"} {
		asked = append(asked, "{{randInt "+arguments+"}}")
	}
	for _, kind := range []string{"rsa", "dsa", "ecdsa", "ed25519", "nope", "RSA"} {
		asked = append(asked, `{{$k := genPrivateKey `+quote(kind)+`}}{{first (splitList "\n" $k)}}|{{last (splitList "\n" $k)}}`)
	}
	for _, name := range []string{"", "long", "maximum", "medium", "short", "basic", "pin", "name"} {
		asked = append(asked, `{{derivePassword 1 `+quote(name)+` "password" "user" "example.com"}}`, `{{derivePassword 3 `+quote(name)+` "" "" ""}}`, `{{derivePassword 0 `+quote(name)+` "pé" "Ü" "日"}}`)
	}
	for _, text := range []string{"", "a", "plaintext of more than one block", "é\xff", "sixteen bytes ok"} {
		for _, key := range []string{"", "key", "0123456789abcdef0123456789abcdef", "a key that is longer than thirty-two bytes"} {
			sealed, err := encrypt(key, text)
			if err == nil {
				asked = append(asked, "{{decryptAES "+quote(key)+" "+quote(sealed)+"}}")
			}
			asked = append(asked, "{{encryptAES "+quote(key)+" "+quote(text)+" | decryptAES "+quote(key)+"}}", "{{len (encryptAES "+quote(key)+" "+quote(text)+")}}")
		}
	}
	return append(asked,
		`{{decryptAES "k" ""}}`, `{{decryptAES "k" "?"}}`, `{{decryptAES "k" "YWJj"}}`, `{{decryptAES "" ""}}`, `{{decryptAES "k"}}`, `{{decryptAES 1 ""}}`, `{{decryptAES "k" "MDEyMzQ1Njc4OWFiY2RlZg=="}}`, `{{decryptAES "k" "MDEyMzQ1Njc4OWFiY2RlZmE="}}`,
		`{{trunc 7 (bcrypt "x")}} {{len (bcrypt "")}}`, `{{bcrypt (repeat 73 "x")}}`, `{{bcrypt nil}}`, `{{trunc 12 (htpasswd "user" "x")}}`, `{{htpasswd "a:b" "x"}}`, `{{htpasswd "a" (repeat 73 "x")}}`, `{{len (htpasswd "" "")}}`,
		`{{len uuidv4}} {{regexMatch "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" uuidv4}}`, `{{uuidv4 1}}`, `{{shuffle ""}}|{{shuffle "a"}}|{{len (shuffle "abcdé")}}`, `{{shuffle nil}}`,
		`{{regexMatch "^[a-zA-Z]{20}$" (randAlpha 20)}}{{regexMatch "^[a-zA-Z0-9]{20}$" (randAlphaNum 20)}}{{regexMatch "^[0-9]{20}$" (randNumeric 20)}}{{regexMatch "^[ -~]{20}$" (randAscii 20)}}{{len (b64dec (randBytes 20))}}`,
		`{{$c := genCA "ca" 365}}{{typeOf $c}} {{kindOf $c}} {{typeOf $c.Cert}} {{trunc 27 $c.Cert}} {{trunc 31 $c.Key}} {{hasSuffix "-----\n" $c.Cert}}`,
		`{{$c := genCA "ca" 365}}{{$s := genSignedCert "a" (list "127.0.0.1" "::1") (list "a.b" "*.c") 3 $c}}{{trunc 27 $s.Cert}}{{ne $s.Cert $c.Cert}}`,
		`{{$s := genSelfSignedCert "a" nil nil 3}}{{trunc 27 $s.Cert}}`, `{{genSelfSignedCert "a" (list "nope") nil 3}}`, `{{genSelfSignedCert "a" (list 1) nil 3}}`, `{{genSelfSignedCert "a" nil (list 1) 3}}`, `{{genSelfSignedCert "a" nil (list) "x"}}`, `{{genSelfSignedCert "a" "x" nil 3}}`,
		`{{$k := genPrivateKey "ecdsa"}}{{$c := genCAWithKey "ca" 3 $k}}{{eq $k $c.Key}} {{trunc 27 (genSignedCertWithKey "a" nil nil 3 $c $k).Cert}}`, `{{$k := genPrivateKey "ed25519"}}{{$c := genSelfSignedCertWithKey "x" nil (list "d") 3 $k}}{{eq $k $c.Key}}`,
		`{{genCAWithKey "ca" 3 ""}}`, `{{genCAWithKey "ca" 3 "x"}}`, `{{genCAWithKey "ca" 3 (genPrivateKey "dsa")}}`, `{{genSelfSignedCertWithKey "a" nil nil 3 "x"}}`, `{{genSignedCert "a" nil nil 3 nil}}`, `{{genSignedCert "a" nil nil 3 "x"}}`, `{{genSignedCert "a" nil nil 3}}`, `{{genSignedCertWithKey "a" nil nil 3 (genCA "x" 1) "y"}}`,
		`{{buildCustomCert "" ""}}`, `{{buildCustomCert "?" "eA=="}}`, `{{buildCustomCert "eA==" "?"}}`, `{{buildCustomCert "eA==" "eA=="}}`, `{{$c := genCA "x" 1}}{{$b := buildCustomCert (b64enc $c.Cert) (b64enc $c.Key)}}{{eq $b.Cert $c.Cert}}{{eq $b.Key $c.Key}}`, `{{$c := genCA "x" 1}}{{buildCustomCert (b64enc $c.Cert) "eA=="}}`,
		`{{$c := genCA "x" 1}}{{$c.Nope}}`, `{{$c := genCA "x" 1}}{{$c.Cert.x}}`, `{{$c := genCA "x" 1}}{{index $c "Cert"}}`, `{{$c := genCA "x" 1}}{{len $c}}`, `{{$c := genCA "x" 1}}{{if $c}}y{{end}}`, `{{$c := genCA "x" 1}}{{range $c}}{{end}}`, `{{genCA "x"}}`, `{{genCA 1 1}}`,
	)
}
