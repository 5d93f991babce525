//! `consort`.

/// Very many small things of different ages live side by side here: sessions for hours, what made them for milliseconds. glibc's
/// allocator keeps the holes (1.2 KB a session, measured with 60,000); this one gives them back.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    consort_server::cli::main()
}
