package main

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"
)

const argo = "v3.6.1"

// A server and its etcd: children of this process.
type server struct {
	dir      string
	commands []*exec.Cmd
	url      string
	client   *http.Client
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func start() (*server, error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return nil, fmt.Errorf("set KUBEBUILDER_ASSETS to the folder of etcd and kube-apiserver")
	}
	dir, err := os.MkdirTemp("", "apply-recorder")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, client: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 64,
	}}}
	var ports [3]int
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	keyFile, tokens := filepath.Join(dir, "key"), filepath.Join(dir, "tokens")
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(keyFile, block, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(tokens, []byte("recorder,recorder,recorder,system:masters\n"), 0o600); err != nil {
		return nil, err
	}
	etcd := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	peer := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	s.url = fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	err = s.spawn(filepath.Join(assets, "etcd"), "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	if err != nil {
		return nil, err
	}
	err = s.spawn(filepath.Join(assets, "kube-apiserver"), "--etcd-servers", etcd, "--cert-dir", filepath.Join(dir, "certs"),
		"--secure-port", fmt.Sprint(ports[2]), "--bind-address=127.0.0.1", "--service-account-key-file", keyFile,
		"--service-account-signing-key-file", keyFile, "--service-account-issuer", s.url, "--token-auth-file", tokens,
		"--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24")
	if err != nil {
		return nil, err
	}
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if code, _, err := s.call("GET", "/readyz", "", nil); err == nil && code == 200 {
			// The default namespace comes a little later.
			if code, _, _ := s.call("GET", "/api/v1/namespaces/default", "", nil); code == 200 {
				return s, nil
			}
		}
	}
	s.stop()
	return nil, fmt.Errorf("the API server is not ready after two minutes")
}

func (s *server) spawn(program string, args ...string) error {
	command := exec.Command(program, args...)
	log, err := os.Create(filepath.Join(s.dir, filepath.Base(program)+".log"))
	if err != nil {
		return err
	}
	command.Stdout, command.Stderr = log, log
	// They end with this process, however it ends.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.commands = append(s.commands, command)
	return command.Start()
}

func (s *server) stop() {
	for i := len(s.commands) - 1; i >= 0; i-- {
		if command := s.commands[i]; command.Process != nil {
			_ = command.Process.Kill()
			_ = command.Wait()
		}
	}
	_ = os.RemoveAll(s.dir)
}

func (s *server) call(method, path, mediaType string, body []byte) (int, []byte, error) {
	request, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer recorder")
	request.Header.Set("User-Agent", "recorder/1")
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

// Installs the CRDs of Argo CD, out of its module's archive, and ours.
func (s *server) install() error {
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return err
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(cache)),
		"cache/download/github.com/argoproj/argo-cd/v3/@v", argo+".zip"))
	if err != nil {
		return err
	}
	defer archive.Close()
	var crds [][]byte
	for _, file := range archive.File {
		if strings.Contains(file.Name, "/manifests/crds/") && strings.HasSuffix(file.Name, "-crd.yaml") {
			reader, err := file.Open()
			if err != nil {
				return err
			}
			text, err := io.ReadAll(reader)
			if err != nil {
				return err
			}
			crds = append(crds, text)
		}
	}
	ours, err := os.ReadFile("crds.yaml")
	if err != nil {
		return err
	}
	for _, text := range strings.Split(string(ours), "\n---\n") {
		crds = append(crds, []byte(text))
	}
	for _, text := range crds {
		body, err := yaml.YAMLToJSON(text)
		if err != nil {
			return err
		}
		code, answer, err := s.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "application/json", body)
		if err != nil || code != 201 {
			return fmt.Errorf("a CRD is refused: %d %s %w", code, answer, err)
		}
	}
	for _, kind := range kinds {
		if err := s.await(func() bool {
			code, _, err := s.call("GET", kind.collection(), "", nil)
			return err == nil && code == 200
		}); err != nil {
			return fmt.Errorf("%s is not served: %w", kind.Kind, err)
		}
	}
	// The documents follow the CRDs a little later.
	return s.await(func() bool {
		for _, group := range []string{"argoproj.io/v1alpha1", "flotilla.dev/v1alpha1"} {
			_, text, err := s.call("GET", "/openapi/v3/apis/"+group, "", nil)
			var document struct {
				Components struct{ Schemas map[string]any }
			}
			if err != nil || json.Unmarshal(text, &document) != nil || len(document.Components.Schemas) == 0 {
				return false
			}
		}
		return true
	})
}

func (s *server) await(done func() bool) error {
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if done() {
			return nil
		}
	}
	return fmt.Errorf("waited a minute")
}
