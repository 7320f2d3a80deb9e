// Package apply compares server-side apply, and the managedFields of all writers, with the field manager of Kubernetes
// itself. The oracle runs that field manager in memory; the subject is a server: the cluster of the kubeconfig that
// APPLY_KUBECONFIG names, or else a server that KCP names the program of, started here, with a workspace of its own.
// It is a module of its own because its libraries are of the Kubernetes that the reference server is of, which the
// other clients need not be.
package apply

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	patience  = 60 * time.Second
	namespace = "default"
)

var (
	cluster *rest.Config // what is tested
	wire    *caller      // and its HTTP
)

func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard()) // the field manager logs what its callers are told anyway
	log.SetLogger(logr.Discard())
	config, stop, err := subject()
	if err == nil {
		config.QPS, config.Burst = 1000, 1000
		cluster = config
		wire, err = newCaller(config)
	}
	if err == nil {
		err = isThere(kubernetes.NewForConfigOrDie(config))
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	stop(code)
	os.Exit(code)
}

// subject is the cluster to test, and how to leave it with the exit code of the tests.
func subject() (*rest.Config, func(int), error) {
	if path := os.Getenv("APPLY_KUBECONFIG"); path != "" {
		config, err := clientcmd.BuildConfigFromFlags("", path)
		return config, func(int) {}, err
	}
	server, err := startServer()
	if err != nil {
		return nil, func(int) {}, err
	}
	config, err := server.workspace("apply")
	return config, server.stop, err
}

// clusterAnnotation says of an object in a workspace where it is. It is made when the object is read; nobody owns it.
const clusterAnnotation = "kcp.io/cluster"

var inWorkspace bool

func isThere(client kubernetes.Interface) error {
	return wait("namespace "+namespace, func() error {
		found, err := client.CoreV1().Namespaces().Get(context.Background(), namespace, metav1.GetOptions{})
		if err == nil {
			_, inWorkspace = found.Annotations[clusterAnnotation]
		}
		return err
	})
}

// withoutCluster takes the annotation away, in place.
func withoutCluster(object *unstructured.Unstructured) {
	annotations := object.GetAnnotations()
	if _, there := annotations[clusterAnnotation]; !there {
		return
	}
	if delete(annotations, clusterAnnotation); len(annotations) == 0 {
		annotations = nil
	}
	object.SetAnnotations(annotations)
}

// wait asks again until there is no error.
func wait(what string, is func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := is()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("never: %s: %w", what, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// server is a kcp with a directory of its own.
type server struct {
	dir, port string
	command   *exec.Cmd
}

func startServer() (*server, error) {
	program := os.Getenv("KCP")
	if program == "" {
		return nil, fmt.Errorf("set KCP to the path of the program kcp, or APPLY_KUBECONFIG to a cluster")
	}
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, port: freePort()}
	s.command = exec.Command(program, "start", "--root-directory", dir, "--secure-port", s.port)
	s.command.Stdout, s.command.Stderr = output, output
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return s, s.command.Start()
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

// stop keeps the directory, with the log, of a run that failed.
func (s *server) stop(code int) {
	_ = s.command.Process.Kill()
	_, _ = s.command.Process.Wait()
	if code == 0 {
		_ = os.RemoveAll(s.dir)
		return
	}
	fmt.Fprintln(os.Stderr, "the server's log:", filepath.Join(s.dir, "log"))
}

func (s *server) config(path string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(s.dir, "admin.kubeconfig"))
	if err != nil {
		return nil, err
	}
	config.Host = "https://127.0.0.1:" + s.port + "/clusters/" + path
	return config, nil
}

// workspace makes one below root in which the compute kinds are bound.
func (s *server) workspace(name string) (*rest.Config, error) {
	var root *rest.Config
	err := wait("the server is ready", func() (err error) {
		if root, err = s.config("root"); err != nil {
			return err
		}
		return kubernetes.NewForConfigOrDie(root).RESTClient().Get().AbsPath("/readyz").Do(context.Background()).Error()
	})
	if err != nil {
		return nil, err
	}
	if err := makeAndAwait(root, "tenancy.kcp.io/v1alpha1", "Workspace", "workspaces", name, nil, "Ready"); err != nil {
		return nil, err
	}
	inside, err := s.config("root:" + name)
	if err != nil {
		return nil, err
	}
	export := map[string]any{"reference": map[string]any{"export": map[string]any{"path": "root:compute", "name": "kubernetes"}}}
	return inside, makeAndAwait(inside, "apis.kcp.io/v1alpha2", "APIBinding", "apibindings", "kubernetes", export, "Bound")
}

// makeAndAwait makes a cluster-wide object and waits for its phase.
func makeAndAwait(config *rest.Config, version, kind, resource, name string, spec map[string]any, phase string) error {
	parsed, _ := schema.ParseGroupVersion(version)
	client := dynamic.NewForConfigOrDie(config).Resource(parsed.WithResource(resource))
	object := map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": name}}
	if spec != nil {
		object["spec"] = spec
	}
	return wait(kind+" "+name+" is "+phase, func() error {
		_, err := client.Create(context.Background(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		found, err := client.Get(context.Background(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if is, _, _ := unstructured.NestedString(found.Object, "status", "phase"); is != phase {
			return fmt.Errorf("it is %q", is)
		}
		return nil
	})
}
