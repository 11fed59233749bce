"""A laboratory for error texts: real clients against real faulty servers, in a network namespace of its own.

`python -m tests.errors_lab OUT.jsonl` needs Linux, root, `unshare`, `nft`, `openssl`, nginx and squid; clients that are
not there are left out. Everything listens on addresses of documentation ranges on the loopback device of a fresh
namespace, so nothing leaves the machine and nothing can be reached from outside. Every text is what the client printed;
only paths of this machine and process numbers are replaced. Labels come from how the fault was made.
"""
