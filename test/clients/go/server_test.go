// Package clients proves that a workspace is a normal cluster to unchanged Go clients: client-go and
// controller-runtime. One server is started for all tests; each test has a workspace of its own.
// KCP names the program.
package clients

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const patience = 60 * time.Second

var (
	workspaces  = schema.GroupVersionResource{Group: "tenancy.kcp.io", Version: "v1alpha1", Resource: "workspaces"}
	apiBindings = schema.GroupVersionResource{Group: "apis.kcp.io", Version: "v1alpha2", Resource: "apibindings"}
	shared      *server
)

// server is one control plane that can be killed and started again on the same port.
type server struct {
	dir, port string
	command   *exec.Cmd
	log       *os.File
}

func freePort() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

func newServer() (*server, error) {
	dir, err := os.MkdirTemp("", "clients")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, port: freePort(), log: log}
	return s, s.start()
}

func (s *server) start() error {
	program := os.Getenv("KCP")
	if program == "" {
		return fmt.Errorf("set KCP to the path of the program kcp")
	}
	s.command = exec.Command(program, "start", "--root-directory", s.dir, "--secure-port", s.port)
	s.command.Stdout, s.command.Stderr = s.log, s.log
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.command.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		config, err := s.config("root")
		if err == nil {
			config.Timeout = 2 * time.Second
			client := kubernetes.NewForConfigOrDie(config)
			if err = client.RESTClient().Get().AbsPath("/readyz").Do(context.Background()).Error(); err == nil {
				return nil
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("the server is not ready: %w", err)
		}
	}
}

// kill is kill -9: nothing is said to clients, nothing is finished.
func (s *server) kill() {
	_ = s.command.Process.Kill()
	_, _ = s.command.Process.Wait()
}

func (s *server) config(path string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(s.dir, "admin.kubeconfig"))
	if err != nil {
		return nil, err
	}
	config.Host = "https://127.0.0.1:" + s.port + "/clusters/" + path
	config.QPS, config.Burst = 500, 500
	return config, nil
}

func TestMain(m *testing.M) {
	var err error
	if shared, err = newServer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	shared.kill()
	if code != 0 {
		fmt.Fprintln(os.Stderr, "the server's log:", shared.log.Name())
	} else {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

func withTime(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// value is for calls whose error would be the end of the test.
func value[T any](result T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return result
	}
}

func eventually(t *testing.T, what string, is func() (bool, error)) {
	t.Helper()
	var last error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if ok, last = is(); ok && last == nil {
			return
		}
	}
	t.Fatalf("never: %s (%v)", what, last)
}

// newWorkspace makes a workspace below root of the server and waits until it can be used.
func newWorkspace(t *testing.T, s *server) *rest.Config {
	t.Helper()
	ctx := withTime(t)
	digits := make([]byte, 4)
	_, _ = rand.Read(digits)
	name := "w" + hex.EncodeToString(digits)
	root := value(s.config("root"))(t)
	client := dynamic.NewForConfigOrDie(root).Resource(workspaces)
	_, err := client.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace",
		"metadata": map[string]any{"name": name}}}, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "the workspace is ready", func() (bool, error) {
		found, err := client.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		phase, _, _ := unstructured.NestedString(found.Object, "status", "phase")
		return phase == "Ready", nil
	})
	return value(s.config("root:" + name))(t)
}

// bindCompute gives the workspace Deployments, Services and Ingresses.
func bindCompute(t *testing.T, config *rest.Config) {
	t.Helper()
	ctx := withTime(t)
	client := dynamic.NewForConfigOrDie(config).Resource(apiBindings)
	_, err := client.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding",
		"metadata": map[string]any{"name": "kubernetes"},
		"spec": map[string]any{"reference": map[string]any{"export": map[string]any{
			"path": "root:compute", "name": "kubernetes"}}}}}, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "the binding is bound", func() (bool, error) {
		found, err := client.Get(ctx, "kubernetes", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		phase, _, _ := unstructured.NestedString(found.Object, "status", "phase")
		return phase == "Bound", nil
	})
}
