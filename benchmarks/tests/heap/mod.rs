//! Counts what is allocated.

use std::time::Duration;

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What is allocated, in bytes, once nothing is under way any more.
pub(crate) async fn settled() -> usize {
    let mut held = ALLOCATOR.current_usage();
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = ALLOCATOR.current_usage();
        if now == held {
            return now;
        }
        held = now;
    }
}
