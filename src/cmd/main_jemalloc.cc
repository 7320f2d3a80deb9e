// How the allocator of the release program is set up. jemalloc takes a fifth off the processor time
// of a workspace's creation and gives memory back after a deletion: docs/performance.md.
extern "C" {
// As many arenas as there are threads with work; unused pages go back after two seconds. What each
// thread keeps for itself is held small: idle threads kept a megabyte and a half of a deleted tree.
extern const char* malloc_conf;
const char* malloc_conf =
    "narenas:2,background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0,"
    "tcache_nslots_small_max:64";
}
