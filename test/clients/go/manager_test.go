package clients

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const finalizer = "example.org/cleanup"

// gadgetReconciler keeps a ConfigMap for each Gadget and says so in its status.
type gadgetReconciler struct {
	client.Client
	cleaned, conflicts atomic.Int32
}

func newGadget() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gadgets.GroupVersion().WithKind("Gadget"))
	return object
}

func (r *gadgetReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := newGadget()
	if err := r.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !object.GetDeletionTimestamp().IsZero() {
		if controllerutil.RemoveFinalizer(object, finalizer) {
			r.cleaned.Add(1)
			return ctrl.Result{}, client.IgnoreNotFound(r.Update(ctx, object))
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(object, finalizer) {
		return r.retried(r.Update(ctx, object))
	}
	size, _, _ := unstructured.NestedInt64(object.Object, "spec", "size")
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: object.GetName(), Namespace: object.GetNamespace()}}
	if _, err := controllerutil.CreateOrUpdate(ctx, r.Client, owned, func() error {
		owned.Data = map[string]string{"size": fmt.Sprint(size)}
		return controllerutil.SetControllerReference(object, owned, r.Scheme())
	}); err != nil {
		return r.retried(err)
	}
	before := object.DeepCopy()
	_ = unstructured.SetNestedField(object.Object, "Ready", "status", "phase")
	_ = unstructured.SetNestedField(object.Object, size, "status", "size")
	return r.retried(r.Status().Patch(ctx, object, client.MergeFrom(before)))
}

func (r *gadgetReconciler) retried(err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		r.conflicts.Add(1)
		return ctrl.Result{Requeue: true}, nil
	}
	return ctrl.Result{}, err
}

func TestManagerWithAReconcilerOfACustomKind(t *testing.T) {
	config := newWorkspace(t, shared)
	makeGadgets(t, config)
	ctx := withTime(t)
	ctrl.SetLogger(logr.Discard())
	manager := value(ctrl.NewManager(config, ctrl.Options{Metrics: metricsserver.Options{BindAddress: "0"},
		Client:         client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		LeaderElection: true, LeaderElectionID: "gadgets", LeaderElectionNamespace: "default"}))(t)
	reconciler := &gadgetReconciler{Client: manager.GetClient()}
	must(t, ctrl.NewControllerManagedBy(manager).For(newGadget()).Named("gadgets-of-"+t.Name()+fmt.Sprint(time.Now().UnixNano())).Owns(&corev1.ConfigMap{}).Complete(reconciler))
	must(t, manager.GetFieldIndexer().IndexField(ctx, newGadget(), "spec.color", func(object client.Object) []string {
		color, _, _ := unstructured.NestedString(object.(*unstructured.Unstructured).Object, "spec", "color")
		return []string{color}
	}))
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(running) }()

	direct := value(client.New(config, client.Options{}))(t)
	for i := range 20 {
		must(t, direct.Create(ctx, gadget(fmt.Sprintf("g%d", i))))
	}
	isReady := func(name string, size int64) (bool, error) {
		object, owned := newGadget(), &corev1.ConfigMap{}
		key := client.ObjectKey{Namespace: "default", Name: name}
		if err := direct.Get(ctx, key, object); err != nil {
			return false, err
		}
		if err := direct.Get(ctx, key, owned); err != nil {
			return false, err
		}
		phase, _, _ := unstructured.NestedString(object.Object, "status", "phase")
		seen, _, _ := unstructured.NestedInt64(object.Object, "status", "size")
		return phase == "Ready" && seen == size && owned.Data["size"] == fmt.Sprint(size) && metav1.IsControlledBy(owned, object), nil
	}
	for i := range 20 {
		eventually(t, "the gadget is ready", func() (bool, error) { return isReady(fmt.Sprintf("g%d", i), 1) })
	}
	must(t, retry.RetryOnConflict(retry.DefaultRetry, func() error {
		object := newGadget()
		if err := direct.Get(ctx, client.ObjectKey{Namespace: "default", Name: "g7"}, object); err != nil {
			return err
		}
		_ = unstructured.SetNestedField(object.Object, int64(3), "spec", "size")
		return direct.Update(ctx, object)
	}))
	eventually(t, "a change is seen", func() (bool, error) { return isReady("g7", 3) })
	must(t, direct.Delete(ctx, &corev1.ConfigMap{ObjectMeta: named("g8")}))
	eventually(t, "what it owns is made again", func() (bool, error) { return isReady("g8", 1) })
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gadgets.GroupVersion().WithKind("GadgetList"))
	must(t, manager.GetClient().List(ctx, list, client.MatchingFields{"spec.color": "red"}, client.InNamespace("default")))
	if len(list.Items) != 20 {
		t.Errorf("the cache's index finds %d", len(list.Items))
	}
	must(t, direct.DeleteAllOf(ctx, newGadget(), client.InNamespace("default")))
	eventually(t, "finalizers run and owned objects go", func() (bool, error) {
		maps := &corev1.ConfigMapList{}
		if err := direct.List(ctx, list, client.InNamespace("default")); err != nil {
			return false, err
		}
		err := direct.List(ctx, maps, client.InNamespace("default"))
		owned := 0
		for _, one := range maps.Items {
			if metav1.GetControllerOf(&one) != nil {
				owned++
			}
		}
		return len(list.Items) == 0 && owned == 0 && reconciler.cleaned.Load() >= 20, err
	})
	stop()
	must(t, <-ended)
}
