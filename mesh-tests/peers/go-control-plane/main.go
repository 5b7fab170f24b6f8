// A control plane made of go-control-plane, for tests: it serves what it is told on standard input,
// state of the world and delta, and writes each rejection to standard output.
//
// Every line of input is a JSON snapshot of its own:
//
//	{"version": "1", "resources": ["<base64 of a google.protobuf.Any>", …]}
//
// Resources are served as they are, broken ones too. Standard output says `listening ADDRESS`, then
// `set VERSION` after each line, and `nack TYPE_URL MESSAGE` for each rejection.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	// The types that resources are made of.
	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// Every client sees the same.
type everyone struct{}

func (everyone) ID(*core.Node) string { return "all" }

type input struct {
	Version   string   `json:"version"`
	Resources []string `json:"resources"`
}

func main() {
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	snapshots := cache.NewSnapshotCache(true, everyone{}, nil)
	callbacks := server.CallbackFuncs{
		StreamRequestFunc: func(_ int64, request *discovery.DiscoveryRequest) error {
			if request.ErrorDetail != nil {
				say("nack", request.TypeUrl, request.ErrorDetail.Message)
			}
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, request *discovery.DeltaDiscoveryRequest) error {
			if request.ErrorDetail != nil {
				say("nack", request.TypeUrl, request.ErrorDetail.Message)
			}
			return nil
		},
	}
	ads := server.NewServer(context.Background(), snapshots, callbacks)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, ads)
	go func() { log.Fatal(grpcServer.Serve(listener)) }()
	say("listening", listener.Addr().String())

	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // Whoever started this has ended.
		}
		if err := set(snapshots, line); err != nil {
			log.Fatal(err)
		}
	}
}

func say(words ...string) {
	fmt.Println(strings.ReplaceAll(strings.Join(words, " "), "\n", " "))
}

func set(snapshots cache.SnapshotCache, line []byte) error {
	var in input
	if err := json.Unmarshal(line, &in); err != nil {
		return err
	}
	resources := map[string][]types.Resource{}
	for _, text := range in.Resources {
		bytes, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		var any anypb.Any
		if err := proto.Unmarshal(bytes, &any); err != nil {
			return err
		}
		message, err := any.UnmarshalNew()
		if err != nil {
			return err
		}
		resources[any.TypeUrl] = append(resources[any.TypeUrl], message)
	}
	snapshot, err := cache.NewSnapshot(in.Version, resources)
	if err != nil {
		return err
	}
	if err := snapshots.SetSnapshot(context.Background(), "all", snapshot); err != nil {
		return err
	}
	say("set", in.Version)
	return nil
}
