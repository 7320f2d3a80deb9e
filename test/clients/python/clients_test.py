"""The Python client `kubernetes` against a workspace: typed, dynamic and custom-object clients, watches.

Usage: clients_test.py KUBECONFIG, whose server is a workspace that has bound the compute API.
"""

import sys
import threading
import time
import unittest

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "pywidgets.example.org"},
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"plural": "pywidgets", "singular": "pywidget", "kind": "PyWidget"},
        "versions": [{
            "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}},
                "status": {"type": "object", "properties": {"phase": {"type": "string"}}}}}},
        }],
    },
}


class TypedClients(unittest.TestCase):
    def setUp(self):
        self.core = client.CoreV1Api()

    def test_a_config_map_lives_through_all_verbs(self):
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="py"), data={"k": "ü 漢字 🎉"})
        made = self.core.create_namespaced_config_map("default", body)
        self.assertEqual(made.data, body.data)
        with self.assertRaises(ApiException) as caught:
            self.core.create_namespaced_config_map("default", body)
        self.assertEqual(caught.exception.status, 409)
        patched = self.core.patch_namespaced_config_map("py", "default", {"data": {"more": "1"}})
        self.assertEqual(set(patched.data), {"k", "more"})
        listed = self.core.list_namespaced_config_map("default", field_selector="metadata.name=py")
        self.assertEqual([one.metadata.uid for one in listed.items], [made.metadata.uid])
        patched.data = {"only": "this"}
        self.assertEqual(self.core.replace_namespaced_config_map("py", "default", patched).data, {"only": "this"})
        self.assertEqual(self.core.delete_namespaced_config_map("py", "default").status, "Success")
        with self.assertRaises(ApiException) as caught:
            self.core.read_namespaced_config_map("py", "default")
        self.assertEqual(caught.exception.status, 404)

    def test_a_watch_goes_on_where_the_list_ended(self):
        start = self.core.list_namespaced_secret("default").metadata.resource_version

        def write():
            for number in range(3):
                self.core.create_namespaced_secret("default", client.V1Secret(
                    metadata=client.V1ObjectMeta(name=f"w{number}"), string_data={"a": "b"}))
                self.core.delete_namespaced_secret(f"w{number}", "default")

        writer = threading.Thread(target=write)
        writer.start()
        seen = []
        watching = watch.Watch()
        for event in watching.stream(self.core.list_namespaced_secret, "default",
                                     resource_version=start, timeout_seconds=30):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 6:
                watching.stop()
        writer.join()
        self.assertEqual(seen, [(kind, f"w{n}") for n in range(3) for kind in ("ADDED", "DELETED")])

    def test_pages(self):
        for number in range(7):
            self.core.create_namespaced_config_map("default", client.V1ConfigMap(
                metadata=client.V1ObjectMeta(generate_name="page-", labels={"set": "pages"})))
        names, token = [], None
        while True:
            page = self.core.list_namespaced_config_map("default", label_selector="set=pages", limit=3, _continue=token)
            names += [one.metadata.name for one in page.items]
            token = page.metadata._continue
            if not token:
                break
        self.assertEqual(len(set(names)), 7)
        self.core.delete_collection_namespaced_config_map("default", label_selector="set=pages")
        self.assertEqual(self.core.list_namespaced_config_map("default", label_selector="set=pages").items, [])

    def test_a_deployment_is_made_from_a_manifest_and_scaled(self):
        apps = client.AppsV1Api()
        utils.create_from_dict(client.ApiClient(), {
            "apiVersion": "v1", "kind": "List", "items": [
                {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "py", "namespace": "default"},
                 "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
                     "metadata": {"labels": {"a": "b"}},
                     "spec": {"containers": [{"name": "c", "image": "nginx"}]}}}},
                {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "py", "namespace": "default"},
                 "spec": {"selector": {"a": "b"}, "ports": [{"port": 80, "targetPort": "http"}]}}]})
        apps.patch_namespaced_deployment_scale("py", "default", {"spec": {"replicas": 3}})
        self.assertEqual(apps.read_namespaced_deployment("py", "default").spec.replicas, 3)
        self.assertEqual(client.CoreV1Api().read_namespaced_service("py", "default").spec.ports[0].target_port, "http")
        apps.delete_namespaced_deployment("py", "default")

    def test_versions_and_reviews(self):
        self.assertEqual(client.VersionApi().get_code().major, "1")
        review = client.AuthorizationV1Api().create_self_subject_access_review(client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=client.V1ResourceAttributes(
                verb="list", resource="secrets", namespace="default"))))
        self.assertTrue(review.status.allowed)


class DynamicClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        extensions = client.ApiextensionsV1Api()
        extensions.create_custom_resource_definition(WIDGETS)
        end = time.time() + 30
        while time.time() < end:
            found = extensions.read_custom_resource_definition("pywidgets.example.org")
            if any(c.type == "Established" and c.status == "True" for c in found.status.conditions or []):
                return
            time.sleep(0.05)
        raise AssertionError("the definition is not established")

    def test_a_custom_kind_by_the_dynamic_client(self):
        api = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="example.org/v1", kind="PyWidget")
        api.create(namespace="default", body={"apiVersion": "example.org/v1", "kind": "PyWidget",
                                              "metadata": {"name": "one"}, "spec": {"size": 2}})
        patched = api.patch(namespace="default", name="one", body={"spec": {"size": 5}},
                            content_type="application/merge-patch+json")
        self.assertEqual(patched.spec.size, 5)
        status = api.status.patch(namespace="default", name="one", body={"status": {"phase": "Ready"}},
                                  content_type="application/merge-patch+json")
        self.assertEqual(status.status.phase, "Ready")
        with self.assertRaises(dynamic.exceptions.UnprocessibleEntityError):
            api.patch(namespace="default", name="one", body={"spec": {"size": 0}},
                      content_type="application/merge-patch+json")
        kinds = [event["object"].kind for event in api.watch(namespace="default", timeout=1)]
        self.assertEqual(kinds, ["PyWidget"])
        api.delete(namespace="default", name="one")

    def test_a_custom_kind_by_the_custom_objects_client(self):
        api = client.CustomObjectsApi()
        where = ("example.org", "v1", "default", "pywidgets")
        api.create_namespaced_custom_object(*where, {"apiVersion": "example.org/v1", "kind": "PyWidget",
                                                     "metadata": {"name": "two"}, "spec": {"size": 2}})
        patched = api.patch_namespaced_custom_object(*where, "two", {"spec": {"size": 7}})
        self.assertEqual(patched["spec"]["size"], 7)
        api.delete_namespaced_custom_object(*where, "two")


if __name__ == "__main__":
    config.load_kube_config(sys.argv.pop())
    unittest.main(verbosity=2)
