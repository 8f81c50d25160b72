// Prints what Istio's control plane would send to one proxy, as an Envoy config dump: the program is Istio's own, as a library,
// with files in the place of a cluster.
//
//	istio MESH_CONFIG sidecar|gateway NAMESPACE LABEL=VALUE,… FILE… > dump.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

const admin = "type.googleapis.com/envoy.admin.v3."

func main() {
	if len(os.Args) < 6 {
		fail(fmt.Errorf("usage: istio MESH_CONFIG sidecar|gateway NAMESPACE LABEL=VALUE,… FILE…"))
	}
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.ErrorLevel)
	}
	settings, err := mesh.ApplyMeshConfigDefaults(read(os.Args[1]))
	fail(err)
	kind := model.SidecarProxy
	if os.Args[2] == "gateway" {
		kind = model.Router
	}
	labels := map[string]string{}
	for _, label := range strings.Split(os.Args[4], ",") {
		name, value, _ := strings.Cut(label, "=")
		labels[name] = value
	}
	var files []string
	for _, file := range os.Args[5:] {
		files = append(files, read(file))
	}

	err = test.Wrap(func(t test.Failer) {
		plane := core.NewConfigGenTest(t, core.TestOptions{ConfigString: strings.Join(files, "\n---\n"), MeshConfig: settings})
		proxy := plane.SetupProxy(&model.Proxy{
			Type:            kind,
			ConfigNamespace: os.Args[3],
			Labels:          labels,
			Metadata:        &model.NodeMetadata{Namespace: os.Args[3], Labels: labels, ClusterID: "Kubernetes"},
		})
		listeners := plane.Listeners(proxy)
		dump := []any{
			section("ListenersConfigDump", "dynamicListeners", listeners, func(it json.RawMessage) any {
				return map[string]any{"activeState": map[string]any{"listener": it}}
			}),
			section("ClustersConfigDump", "dynamicActiveClusters", plane.Clusters(proxy), func(it json.RawMessage) any {
				return map[string]any{"cluster": it}
			}),
			section("RoutesConfigDump", "dynamicRouteConfigs", plane.RoutesFromListeners(proxy, listeners), func(it json.RawMessage) any {
				return map[string]any{"routeConfig": it}
			}),
		}
		text, err := json.MarshalIndent(map[string]any{"configs": dump}, "", " ")
		fail(err)
		fmt.Println(string(text))
	})
	fail(err)
}

func section[M proto.Message](kind, field string, all []M, wrap func(json.RawMessage) any) any {
	items := []any{}
	for _, message := range all {
		// With its type, as Envoy's own dump has it.
		typed, err := anypb.New(message)
		fail(err)
		text, err := protojson.Marshal(typed)
		fail(err)
		items = append(items, wrap(text))
	}
	return map[string]any{"@type": admin + kind, field: items}
}

func read(file string) string {
	text, err := os.ReadFile(file)
	fail(err)
	return string(text)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "istio:", err)
		os.Exit(1)
	}
}
