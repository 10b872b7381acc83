//! Work in the background: recording invocations, signing checkpoints, deleting what is old.

mod egress;
mod housekeeping;
mod quota;
mod recorder;
mod rotations;
mod told;
mod webhooks;

pub(crate) use egress::egress;
pub(crate) use housekeeping::housekeeping;
pub(crate) use recorder::{Recorder, recorder, stream_word};
pub(crate) use rotations::rotations;
pub(crate) use told::{News, Told};
pub(crate) use webhooks::webhooks;
