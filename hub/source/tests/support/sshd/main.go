// Sshd is an SSH server for tests: it runs git-upload-pack below a folder and nothing else.
//
// It prints the address that it listens on and the line of known_hosts, then serves until it is ended. Who
// asks is let in with the public key given, or with any when none is given. With -refuse-protocol it keeps
// GIT_PROTOCOL from git, as servers without AcceptEnv do.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

var (
	root    = flag.String("root", "", "the folder whose repositories are served")
	allowed = flag.String("authorized", "", "a file with the public key that is let in")
	old     = flag.Bool("refuse-protocol", false, "keep GIT_PROTOCOL from git")
	key     = flag.String("generate", "", "write a new private key and its .pub here, and end")
	app     = flag.String("generate-rsa", "", "write a new RSA key and its .pub here as PKCS #1, and end")
	phrase  = flag.String("passphrase", "", "of the key that is generated")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if *key != "" {
		generate(*key)
		return
	}
	if *app != "" {
		generateRSA(*app)
		return
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	signer, err := ssh.NewSignerFromKey(private)
	check(err)
	config := &ssh.ServerConfig{PublicKeyCallback: authorized}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	address := listener.Addr().String()
	fmt.Println(address)
	fmt.Println(knownhosts.Line([]string{knownhosts.Normalize(address)}, signer.PublicKey()))
	// Whoever started it holds the other end.
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadString(0)
		os.Exit(0)
	}()
	for {
		connection, err := listener.Accept()
		check(err)
		go serve(connection, config)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func generate(path string) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	var block *pem.Block
	if *phrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(*phrase))
	}
	check(err)
	check(os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	shown, err := ssh.NewPublicKey(public)
	check(err)
	check(os.WriteFile(path+".pub", ssh.MarshalAuthorizedKey(shown), 0o600))
}

func generateRSA(path string) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	write := func(path, kind string, der []byte) {
		check(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	write(path, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private))
	write(path+".pub", "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&private.PublicKey))
}

func authorized(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if *allowed == "" {
		return nil, nil
	}
	text, err := os.ReadFile(*allowed)
	if err != nil {
		return nil, err
	}
	known, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(known.Marshal(), key.Marshal()) {
		return nil, errors.New("not this key")
	}
	return nil, nil
}

func serve(connection net.Conn, config *ssh.ServerConfig) {
	server, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		return
	}
	defer server.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go session(channel, requests)
	}
}

func session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	var protocol string
	for request := range requests {
		switch request.Type {
		case "env":
			var variable struct{ Name, Value string }
			known := ssh.Unmarshal(request.Payload, &variable) == nil && variable.Name == "GIT_PROTOCOL"
			if known && !*old {
				protocol = variable.Value
			}
			_ = request.Reply(known && !*old, nil)
		case "exec":
			var command struct{ Line string }
			check(ssh.Unmarshal(request.Payload, &command))
			_ = request.Reply(true, nil)
			status := struct{ Status uint32 }{run(channel, command.Line, protocol)}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
			return
		default:
			_ = request.Reply(false, nil)
		}
	}
}

func run(channel ssh.Channel, line, protocol string) uint32 {
	quoted, found := strings.CutPrefix(line, "git-upload-pack '")
	quoted, closed := strings.CutSuffix(quoted, "'")
	path := strings.ReplaceAll(quoted, `'\''`, "'")
	if !found || !closed {
		fmt.Fprintf(channel.Stderr(), "%q is not served here\n", line)
		return 1
	}
	command := exec.Command("git", "upload-pack", filepath.Join(*root, path))
	command.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_1=true",
		"GIT_PROTOCOL="+protocol)
	command.Stdout, command.Stderr = channel, channel.Stderr()
	input, err := command.StdinPipe()
	check(err)
	check(command.Start())
	go func() {
		_, _ = io.Copy(input, channel)
		_ = input.Close()
	}()
	if command.Wait() != nil {
		return 128
	}
	return 0
}
