// Read by the compiler before ssh2's own binding.cc (see node-gyp.js), which it makes fit for every
// Node.js from 20 on.
#include <node.h>
#include <node_buffer.h>
#include <nan.h>

// Since Node.js 24.19 the destructor of node::ObjectWrap ends the process when the collector runs
// while no JavaScript does. Nan's class does the same work and asks nothing of Node.js.
#define ObjectWrap Nan::ObjectWrap

// Node.js 26 has no v8::Context::GetIsolate. The isolate of a module that is being loaded is the
// current one.
#define GetIsolate() Global().IsEmpty() ? nullptr : v8::Isolate::GetCurrent()
