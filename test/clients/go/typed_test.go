package clients

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
)

const protobuf = "application/vnd.kubernetes.protobuf"

// inBothForms runs a test with bodies in JSON and in protobuf.
func inBothForms(t *testing.T, config *rest.Config, test func(*testing.T, kubernetes.Interface)) {
	for _, form := range []string{"application/json", protobuf} {
		t.Run(form, func(t *testing.T) {
			copied := rest.CopyConfig(config)
			copied.ContentType = form
			if form == protobuf {
				copied.AcceptContentTypes = protobuf + ",application/json"
			}
			test(t, kubernetes.NewForConfigOrDie(copied))
		})
	}
}

// objectClient is what every typed client of client-go can do.
type objectClient[T any] interface {
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
	Get(context.Context, string, metav1.GetOptions) (T, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
	Patch(context.Context, string, types.PatchType, []byte, metav1.PatchOptions, ...string) (T, error)
}

type kubernetesObject interface {
	runtime.Object
	metav1.Object
}

// lifeOf takes an object through all verbs. What was sent must come back: `content` tells its part.
func lifeOf[T kubernetesObject](t *testing.T, client objectClient[T], object T, content func(T) any) {
	t.Helper()
	ctx := withTime(t)
	watching := value(client.Watch(ctx, metav1.ListOptions{}))(t)
	defer watching.Stop()
	wanted := content(object)

	made := value(client.Create(ctx, object, metav1.CreateOptions{}))(t)
	if created := made.GetCreationTimestamp(); made.GetUID() == "" || made.GetResourceVersion() == "" || created.IsZero() {
		t.Errorf("metadata is not filled in: %+v", made)
	}
	if !reflect.DeepEqual(content(made), wanted) {
		t.Errorf("sent %+v, came back %+v", wanted, content(made))
	}
	if _, err := client.Create(ctx, object, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a second time: %v", err)
	}
	got := value(client.Get(ctx, object.GetName(), metav1.GetOptions{}))(t)
	if !reflect.DeepEqual(got, made) {
		t.Errorf("get differs from create: %+v, %+v", got, made)
	}
	got.SetLabels(map[string]string{"a": "b"})
	updated := value(client.Update(ctx, got, metav1.UpdateOptions{}))(t)
	if updated.GetLabels()["a"] != "b" {
		t.Errorf("update: %+v", updated)
	}
	made.SetLabels(map[string]string{"a": "late"})
	if _, err := client.Update(ctx, made, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("an update of an old version: %v", err)
	}
	for _, kind := range []types.PatchType{types.MergePatchType, types.StrategicMergePatchType} {
		body := fmt.Sprintf(`{"metadata":{"labels":{"a":null,"by":%q}}}`, "p"+string(kind[12]))
		patched := value(client.Patch(ctx, object.GetName(), kind, []byte(body), metav1.PatchOptions{}))(t)
		if len(patched.GetLabels()) != 1 {
			t.Errorf("%s: %v", kind, patched.GetLabels())
		}
	}
	patched := value(client.Patch(ctx, object.GetName(), types.JSONPatchType,
		[]byte(`[{"op":"add","path":"/metadata/annotations","value":{"x":"y"}}]`), metav1.PatchOptions{}))(t)
	if patched.GetAnnotations()["x"] != "y" {
		t.Errorf("JSON patch: %v", patched.GetAnnotations())
	}
	must(t, client.Delete(ctx, object.GetName(), metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: ptr.To(patched.GetUID())}}))
	seen := map[watch.EventType]int{}
	for event := range watching.ResultChan() {
		if one, ok := event.Object.(T); !ok || one.GetName() != object.GetName() {
			continue
		}
		seen[event.Type]++
		if event.Type == watch.Deleted {
			break
		}
	}
	if seen[watch.Added] != 1 || seen[watch.Modified] < 4 || seen[watch.Deleted] != 1 {
		t.Errorf("the watch saw %v", seen)
	}
}

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "default"}
}

func cluster(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

func TestTypedClientsOfBuiltIns(t *testing.T) {
	config := newWorkspace(t, shared)
	inBothForms(t, config, func(t *testing.T, c kubernetes.Interface) {
		t.Run("configmap", func(t *testing.T) {
			lifeOf(t, c.CoreV1().ConfigMaps("default"), &corev1.ConfigMap{ObjectMeta: named("map"),
				Data: map[string]string{"k": "ü 漢字 🎉\u0000\u2028"}, BinaryData: map[string][]byte{"b": {0, 255, 7}}},
				func(m *corev1.ConfigMap) any { return []any{m.Data, m.BinaryData} })
		})
		t.Run("secret", func(t *testing.T) {
			lifeOf(t, c.CoreV1().Secrets("default"), &corev1.Secret{ObjectMeta: named("secret"),
				Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": {1}, "tls.key": {2, 3}}},
				func(s *corev1.Secret) any { return []any{s.Data, s.Type} })
		})
		t.Run("serviceaccount", func(t *testing.T) {
			lifeOf(t, c.CoreV1().ServiceAccounts("default"), &corev1.ServiceAccount{ObjectMeta: named("sa"),
				AutomountServiceAccountToken: ptr.To(false), ImagePullSecrets: []corev1.LocalObjectReference{{Name: "x"}}},
				func(s *corev1.ServiceAccount) any { return []any{*s.AutomountServiceAccountToken, s.ImagePullSecrets} })
		})
		t.Run("lease", func(t *testing.T) {
			at := metav1.NewMicroTime(time.Unix(1700000000, 123456000))
			lifeOf(t, c.CoordinationV1().Leases("default"), &coordinationv1.Lease{ObjectMeta: named("lease"),
				Spec: coordinationv1.LeaseSpec{HolderIdentity: ptr.To("me"), LeaseDurationSeconds: ptr.To(int32(15)),
					RenewTime: &at, LeaseTransitions: ptr.To(int32(3))}},
				func(l *coordinationv1.Lease) any {
					return []any{*l.Spec.HolderIdentity, *l.Spec.LeaseDurationSeconds, l.Spec.RenewTime.UnixMicro()}
				})
		})
		t.Run("event", func(t *testing.T) {
			lifeOf(t, c.CoreV1().Events("default"), &corev1.Event{ObjectMeta: named("event"), Reason: "Tried",
				Message: "it was tried", Type: "Normal", Count: 2, LastTimestamp: metav1.Unix(1700000000, 0),
				InvolvedObject: corev1.ObjectReference{Kind: "ConfigMap", Name: "map", Namespace: "default"}},
				func(e *corev1.Event) any { return []any{e.Reason, e.Message, e.Count, e.LastTimestamp.Unix()} })
		})
		t.Run("role", func(t *testing.T) {
			rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}
			lifeOf(t, c.RbacV1().Roles("default"), &rbacv1.Role{ObjectMeta: named("role"), Rules: rules},
				func(r *rbacv1.Role) any { return r.Rules })
			lifeOf(t, c.RbacV1().ClusterRoles(), &rbacv1.ClusterRole{ObjectMeta: cluster("role"),
				Rules: []rbacv1.PolicyRule{{NonResourceURLs: []string{"/x"}, Verbs: []string{"*"}}}},
				func(r *rbacv1.ClusterRole) any { return r.Rules })
		})
		t.Run("rolebinding", func(t *testing.T) {
			subjects := []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "jane"},
				{Kind: "ServiceAccount", Name: "sa", Namespace: "default"}}
			lifeOf(t, c.RbacV1().RoleBindings("default"), &rbacv1.RoleBinding{ObjectMeta: named("rb"), Subjects: subjects,
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}},
				func(b *rbacv1.RoleBinding) any { return []any{b.Subjects, b.RoleRef} })
		})
		t.Run("namespace", func(t *testing.T) {
			ctx := withTime(t)
			made := value(c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: cluster("space")}, metav1.CreateOptions{}))(t)
			if made.Labels["kubernetes.io/metadata.name"] != "space" || made.Status.Phase != corev1.NamespaceActive {
				t.Errorf("%+v", made)
			}
			value(c.CoreV1().ConfigMaps("space").Create(ctx, &corev1.ConfigMap{ObjectMeta: cluster("map")}, metav1.CreateOptions{}))(t)
			must(t, c.CoreV1().Namespaces().Delete(ctx, "space", metav1.DeleteOptions{}))
			eventually(t, "the namespace is gone", func() (bool, error) {
				_, err := c.CoreV1().Namespaces().Get(ctx, "space", metav1.GetOptions{})
				return apierrors.IsNotFound(err), nil
			})
		})
	})
}

func TestTypedClientsOfBoundKinds(t *testing.T) {
	config := newWorkspace(t, shared)
	bindCompute(t, config)
	labels := map[string]string{"app": "web"}
	inBothForms(t, config, func(t *testing.T, c kubernetes.Interface) {
		t.Run("deployment", func(t *testing.T) {
			deployment := &appsv1.Deployment{ObjectMeta: named("web"), Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "c", Image: "nginx", Env: []corev1.EnvVar{{Name: "A", Value: "b"}},
						LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromInt32(80)}}}}}}}}}
			lifeOf(t, c.AppsV1().Deployments("default"), deployment, func(d *appsv1.Deployment) any {
				one := d.Spec.Template.Spec.Containers[0]
				return []any{one.Name, one.Image, one.Env, one.LivenessProbe.HTTPGet.Port, d.Spec.Selector.MatchLabels}
			})
			ctx := withTime(t)
			made := value(c.AppsV1().Deployments("default").Create(ctx, deployment, metav1.CreateOptions{}))(t)
			if *made.Spec.Replicas != 1 || made.Generation != 1 || made.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType {
				t.Errorf("defaults: %+v", made.Spec)
			}
			scale := value(c.AppsV1().Deployments("default").GetScale(ctx, "web", metav1.GetOptions{}))(t)
			scale.Spec.Replicas = 4
			value(c.AppsV1().Deployments("default").UpdateScale(ctx, "web", scale, metav1.UpdateOptions{}))(t)
			patched := value(c.AppsV1().Deployments("default").Patch(ctx, "web", types.StrategicMergePatchType,
				[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"s"}]}}}}`), metav1.PatchOptions{}))(t)
			if *patched.Spec.Replicas != 4 || len(patched.Spec.Template.Spec.Containers) != 2 || patched.Generation != 3 {
				t.Errorf("scale and a strategic patch: %+v", patched)
			}
			patched.Status.Replicas, patched.Spec.Replicas = 4, ptr.To(int32(9))
			status := value(c.AppsV1().Deployments("default").UpdateStatus(ctx, patched, metav1.UpdateOptions{}))(t)
			if status.Status.Replicas != 4 || *status.Spec.Replicas != 4 {
				t.Errorf("status changes status only: %+v", status)
			}
			must(t, c.AppsV1().Deployments("default").Delete(ctx, "web", metav1.DeleteOptions{}))
		})
		t.Run("service", func(t *testing.T) {
			lifeOf(t, c.CoreV1().Services("default"), &corev1.Service{ObjectMeta: named("web"), Spec: corev1.ServiceSpec{
				Selector: labels, Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http")}}}},
				func(s *corev1.Service) any {
					return []any{s.Spec.Selector, s.Spec.Ports[0].Port, s.Spec.Ports[0].TargetPort}
				})
		})
		t.Run("ingress", func(t *testing.T) {
			lifeOf(t, c.NetworkingV1().Ingresses("default"), &networkingv1.Ingress{ObjectMeta: named("web"), Spec: networkingv1.IngressSpec{
				DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
					Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}}}},
				func(i *networkingv1.Ingress) any { return i.Spec })
		})
	})
}

func TestReviewsAndTokens(t *testing.T) {
	config := newWorkspace(t, shared)
	inBothForms(t, config, func(t *testing.T, c kubernetes.Interface) {
		ctx := withTime(t)
		name := "bot" + fmt.Sprint(time.Now().UnixNano())
		value(c.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: named(name)}, metav1.CreateOptions{}))(t)
		token := value(c.CoreV1().ServiceAccounts("default").CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{}))(t)
		review := value(c.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}}, metav1.CreateOptions{}))(t)
		if !review.Status.Authenticated || review.Status.User.Username != "system:serviceaccount:default:"+name {
			t.Errorf("%+v", review.Status)
		}
		access := value(c.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: review.Status.User.Username,
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets", Namespace: "default"}}}, metav1.CreateOptions{}))(t)
		if access.Status.Allowed {
			t.Errorf("%+v", access.Status)
		}
		as := rest.AnonymousClientConfig(config)
		as.BearerToken = token.Status.Token
		if _, err := kubernetes.NewForConfigOrDie(as).CoreV1().Secrets("default").List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("an account without a role: %v", err)
		}
	})
}

func TestEventsOfARecorder(t *testing.T) {
	client := kubernetes.NewForConfigOrDie(newWorkspace(t, shared))
	ctx := withTime(t)
	about := value(client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: named("about")}, metav1.CreateOptions{}))(t)
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "test"})
	for range 3 {
		recorder.Eventf(about, "Warning", "Again", "the same event")
	}
	eventually(t, "three events are counted in one", func() (bool, error) {
		list, err := client.CoreV1().Events("default").List(ctx, metav1.ListOptions{
			FieldSelector: "involvedObject.name=about,reason=Again"})
		return err == nil && len(list.Items) == 1 && list.Items[0].Count == 3, err
	})
}
