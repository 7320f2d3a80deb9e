package clients

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
)

func TestWatchListSendsWhatIsThereFirst(t *testing.T) {
	config := newWorkspace(t, shared)
	inBothForms(t, config, func(t *testing.T, c kubernetes.Interface) {
		ctx := withTime(t)
		client := c.CoreV1().Secrets("default")
		for i := range 5 {
			_, err := client.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: "w-",
				Labels: map[string]string{"form": "x"}}, StringData: map[string]string{"i": fmt.Sprint(i)}}, metav1.CreateOptions{})
			must(t, err)
		}
		before := value(client.List(ctx, metav1.ListOptions{LabelSelector: "form=x"}))(t)
		watching := value(client.Watch(ctx, metav1.ListOptions{LabelSelector: "form=x", SendInitialEvents: ptr.To(true),
			AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan}))(t)
		defer watching.Stop()
		added := 0
		for event := range watching.ResultChan() {
			object := event.Object.(metav1.Object)
			if event.Type == watch.Added {
				added++
				continue
			}
			if event.Type != watch.Bookmark || object.GetAnnotations()[metav1.InitialEventsAnnotationKey] != "true" {
				t.Errorf("%s %v", event.Type, object.GetAnnotations())
			}
			if object.GetResourceVersion() < before.ResourceVersion {
				t.Errorf("the bookmark is of %s, the list before was of %s", object.GetResourceVersion(), before.ResourceVersion)
			}
			break
		}
		if added != len(before.Items) {
			t.Errorf("%d of %d were sent", added, len(before.Items))
		}
		value(client.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: "late-",
			Labels: map[string]string{"form": "x"}}}, metav1.CreateOptions{}))(t)
		if event := <-watching.ResultChan(); event.Type != watch.Added {
			t.Errorf("what comes later: %v", event)
		}
	})
}

// TestInformersThroughCrashes writes all the time while the server is killed and started again. In the
// end each informer must hold exactly what the server holds, and must have told its handlers so.
func TestInformersThroughCrashes(t *testing.T) {
	own, err := newServer()
	must(t, err)
	t.Cleanup(func() {
		if own.kill(); !t.Failed() {
			_ = os.RemoveAll(own.dir)
		}
	})
	config := newWorkspace(t, own)
	makeGadgets(t, config)
	ctx := withTime(t)
	client := kubernetes.NewForConfigOrDie(config)
	dynamicClient := dynamic.NewForConfigOrDie(config)
	factory := informers.NewSharedInformerFactory(client, time.Second)
	dynamicFactory := dynamicinformer.NewDynamicSharedInformerFactory(dynamicClient, time.Second)
	told := map[string]*toldOf{}
	for name, informer := range map[string]cache.SharedIndexInformer{
		"configmaps": factory.Core().V1().ConfigMaps().Informer(), "gadgets": dynamicFactory.ForResource(gadgets).Informer()} {
		told[name] = &toldOf{versions: map[string]string{}}
		value(informer.AddEventHandler(told[name]))(t)
	}
	factory.Start(ctx.Done())
	dynamicFactory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	dynamicFactory.WaitForCacheSync(ctx.Done())

	var stop atomic.Bool
	var writer sync.WaitGroup
	writer.Add(1)
	// A deletion whose answer the crash swallowed may have been done or not: then nothing is known
	// of that name until it is written again. What is known must hold.
	acknowledged, unclear := map[string]bool{}, 0
	go func() {
		defer writer.Done()
		for i := 0; !stop.Load(); i++ {
			name := fmt.Sprintf("n%d", i%200)
			if i%3 == 2 {
				gone := fmt.Sprintf("n%d", (i*7)%200)
				err := client.CoreV1().ConfigMaps("default").Delete(ctx, gone, metav1.DeleteOptions{})
				if apierrors.IsNotFound(err) && acknowledged[gone] {
					t.Errorf("%s was acknowledged and is not found", gone)
				} else if err != nil && acknowledged[gone] {
					unclear++
				}
				delete(acknowledged, gone)
			}
			object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"i": fmt.Sprint(i)}}
			_, err := client.CoreV1().ConfigMaps("default").Create(ctx, object, metav1.CreateOptions{})
			if err != nil {
				_, err = client.CoreV1().ConfigMaps("default").Update(ctx, object, metav1.UpdateOptions{})
			}
			if err == nil {
				acknowledged[name] = true
			} else {
				time.Sleep(5 * time.Millisecond)
			}
			_, _ = dynamicClient.Resource(gadgets).Namespace("default").Create(ctx, gadget(name), metav1.CreateOptions{})
		}
	}()
	for range 3 {
		time.Sleep(400 * time.Millisecond)
		own.kill()
		must(t, own.start())
	}
	time.Sleep(200 * time.Millisecond)
	stop.Store(true)
	writer.Wait()

	if len(acknowledged) == 0 {
		t.Fatal("nothing was written")
	}
	truth := map[string]string{}
	for _, one := range value(client.CoreV1().ConfigMaps("default").List(ctx, metav1.ListOptions{}))(t).Items {
		truth[one.Name] = one.ResourceVersion
	}
	for name := range acknowledged {
		if truth[name] == "" {
			t.Errorf("%s was acknowledged and is lost", name)
		}
	}
	t.Logf("%d names were known at the end; %d deletions had no answer", len(acknowledged), unclear)
	eventually(t, "the informer of configmaps holds what is there", func() (bool, error) {
		held := map[string]string{}
		all, err := factory.Core().V1().ConfigMaps().Lister().ConfigMaps("default").List(labels.Everything())
		for _, one := range all {
			held[one.Name] = one.ResourceVersion
		}
		return maps.Equal(held, truth) && maps.Equal(told["configmaps"].copy(), truth), err
	})
	gadgetTruth := map[string]string{}
	for _, one := range value(dynamicClient.Resource(gadgets).Namespace("default").List(ctx, metav1.ListOptions{}))(t).Items {
		gadgetTruth[one.GetName()] = one.GetResourceVersion()
	}
	eventually(t, "the informer of gadgets holds what is there", func() (bool, error) {
		return maps.Equal(told["gadgets"].copy(), gadgetTruth), nil
	})
	if !told["configmaps"].resynced.Load() {
		t.Error("there was no resync")
	}
}

// toldOf is what an informer's handlers were told: names and versions of what is there in "default".
type toldOf struct {
	mutex    sync.Mutex
	versions map[string]string
	resynced atomic.Bool
}

func (t *toldOf) set(object any, gone bool) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	one := object.(metav1.Object)
	if one.GetNamespace() != "default" {
		return
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if delete(t.versions, one.GetName()); !gone {
		t.versions[one.GetName()] = one.GetResourceVersion()
	}
}

func (t *toldOf) OnAdd(object any, _ bool) { t.set(object, false) }
func (t *toldOf) OnDelete(object any)      { t.set(object, true) }
func (t *toldOf) OnUpdate(old, object any) {
	if old.(metav1.Object).GetResourceVersion() == object.(metav1.Object).GetResourceVersion() {
		t.resynced.Store(true)
	}
	t.set(object, false)
}

func (t *toldOf) copy() map[string]string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return maps.Clone(t.versions)
}

func TestLeadersAreElectedOneAfterTheOther(t *testing.T) {
	client := kubernetes.NewForConfigOrDie(newWorkspace(t, shared))
	ctx := withTime(t)
	led := make(chan string, 2)
	var leading atomic.Int32
	var candidates sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		own, leave := context.WithCancel(ctx)
		candidates.Add(1)
		go func() {
			defer candidates.Done()
			defer leave()
			leaderelection.RunOrDie(own, leaderelection.LeaderElectionConfig{
				Lock: &resourcelock.LeaseLock{LeaseMeta: named("leader"), Client: client.CoordinationV1(),
					LockConfig: resourcelock.ResourceLockConfig{Identity: name}},
				LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond, ReleaseOnCancel: true,
				Callbacks: leaderelection.LeaderCallbacks{
					OnStartedLeading: func(context.Context) {
						if leading.Add(1) != 1 {
							t.Error("two lead at once")
						}
						led <- name
						time.Sleep(500 * time.Millisecond)
						leading.Add(-1)
						leave()
					},
					OnStoppedLeading: func() {}}})
		}()
	}
	candidates.Wait()
	order := []string{<-led, <-led}
	if slices.Sort(order); !slices.Equal(order, []string{"a", "b"}) {
		t.Errorf("these have led: %v", order)
	}
	lease := value(client.CoordinationV1().Leases("default").Get(ctx, "leader", metav1.GetOptions{}))(t)
	if ptr.Deref(lease.Spec.LeaseTransitions, 0) < 1 || ptr.Deref(lease.Spec.HolderIdentity, "") != "" {
		t.Errorf("%+v", lease.Spec)
	}
}
