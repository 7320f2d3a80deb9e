// How the allocator of the release program is set up. jemalloc takes a fifth off the processor time
// of a workspace's creation and gives memory back after a deletion: docs/performance.md.
extern "C" {
// As many arenas as there are threads with work; unused pages go back after two seconds.
extern const char* malloc_conf;
const char* malloc_conf = "narenas:2,background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0";
}
