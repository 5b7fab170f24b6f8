"""gRPC's C core for the tests of the mesh's control plane.

    peer.py serve NAME...   a server for each name, which answers it; prints their ports
    peer.py call TARGET     for each line `COUNT [HEADER VALUE]` calls so often, and prints a JSON
                            object of answers (or status codes) and how often each came
"""

import collections
import concurrent.futures
import json
import sys

import grpc

METHOD = "/test.Echo/Who"


def serve(names):
    servers = []
    for name in names:
        answer = lambda request, context, name=name: name.encode()
        handler = grpc.unary_unary_rpc_method_handler(answer)
        handlers = grpc.method_handlers_generic_handler("test.Echo", {"Who": handler})
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        server.add_generic_rpc_handlers((handlers,))
        print(server.add_insecure_port("127.0.0.1:0"), flush=True)
        server.start()
        servers.append(server)
    sys.stdin.read()


def call(target):
    with grpc.insecure_channel(target) as channel:
        who = channel.unary_unary(METHOD)
        for line in sys.stdin:
            count, *metadata = line.split()
            answers = collections.Counter()
            for _ in range(int(count)):
                try:
                    pairs = list(zip(metadata[::2], metadata[1::2]))
                    answers[who(b"", timeout=20, metadata=pairs).decode()] += 1
                except grpc.RpcError as error:
                    answers[f"{error.code().name}: {error.details()}"] += 1
            print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"serve": serve, "call": lambda args: call(*args)}[command](arguments)
