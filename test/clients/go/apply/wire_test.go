package apply

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"
)

const (
	asJSON  = "application/json"
	asApply = "application/apply-patch+yaml"
	asMerge = "application/merge-patch+json"
)

// caller speaks HTTP to the subject: clients hide what is compared here.
type caller struct {
	client *http.Client
	host   string
}

func newCaller(config *rest.Config) (*caller, error) {
	client, err := rest.HTTPClientFor(config)
	return &caller{client: client, host: config.Host}, err
}

// answer is an object or a Status, as JSON says it.
type answer struct {
	code     int
	warnings []string
	content  map[string]any
}

// call sends one request. An empty agent is that of Go.
func (c *caller) call(method, path, contentType, agent string, body []byte) (answer, error) {
	request, err := http.NewRequest(method, c.host+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("Accept", asJSON)
	if agent != "" {
		request.Header.Set("User-Agent", agent)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	result := answer{code: response.StatusCode, warnings: response.Header.Values("Warning")}
	if err := utiljson.Unmarshal(text, &result.content); err != nil {
		result.content = map[string]any{"text": string(text)}
	}
	return result, nil
}

// must is call for a test that cannot go on without an answer.
func (c *caller) must(t *testing.T, method, path, contentType, agent, body string) answer {
	t.Helper()
	result, err := c.call(method, path, contentType, agent, []byte(body))
	must(t, err)
	return result
}

func (a answer) failed() bool { return a.code >= 400 }

func (a answer) status() metav1.Status {
	status := metav1.Status{}
	_ = runtime.DefaultUnstructuredConverter.FromUnstructured(a.content, &status)
	return status
}

func (a answer) object() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: a.content}
}

func (a answer) String() string {
	if a.failed() {
		return fmt.Sprintf("%d %s", a.code, oneLine(a.content))
	}
	return fmt.Sprint(a.code)
}

// oneLine is a value as JSON, for messages.
func oneLine(value any) string {
	text, err := utiljson.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// query makes the end of a URL from names and values; what has no value is left out.
func query(pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}
