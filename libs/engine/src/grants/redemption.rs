//! Who of those that present a code may be answered, once it was claimed, its redemption noted
//! durably and leave to answer asked (ADR 0035).

use insula_model::{CacheEpoch, CodeClaim};

/// What noting the redemption of a code came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedemptionNote<'n> {
    /// It is noted, for the first time.
    First,
    /// This claim had noted it, and as far as the note says nobody was answered.
    Unanswered(Option<&'n CodeClaim>),
    /// This claim had noted it, and its answer was taken or its tokens used or revoked.
    Answered(Option<&'n CodeClaim>),
}

/// What asking the cache for leave to answer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave<'e> {
    /// This claim may be answered, and no other of this epoch.
    Given(Option<&'e CacheEpoch>),
    /// Another claim took over or was answered.
    Refused,
    /// The cache knows no such code any more.
    Gone,
    /// Nobody knows: the cache could not be asked, or was not heard.
    Unknown,
}

/// What is to be done about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedemptionVerdict {
    /// It is answered.
    Answer,
    /// It is answered if it takes the one answer of the redemption, which is noted durably.
    AnswerIfTaken,
    /// It is refused, because another claim was or will be answered; that one keeps its tokens.
    TakenOver,
    /// It is refused as a code that is gone.
    Gone,
    /// It is refused, and the family ends: the code was redeemed before this claim was made.
    Replayed,
    /// It is told to try again.
    TryAgain,
}

/// Judges a claim of a code.
///
/// One at most is answered, whatever the cache forgets. Only the one that is noted first is answered
/// without taking the answer, and only with leave of the epoch it was made in. A later claim of that
/// epoch would have cost it the leave, or have come after it and been refused; earlier claims and
/// those of other epochs take no answer, because it may have been given. All others take the answer,
/// which can be done once.
pub fn redemption(
    claim: Option<&CodeClaim>,
    note: RedemptionNote<'_>,
    leave: Leave<'_>,
) -> RedemptionVerdict {
    use RedemptionVerdict::{Answer, AnswerIfTaken, Gone, Replayed, TakenOver, TryAgain};
    let epoch = claim.map(|claim| &claim.epoch);
    let (noted, is_answered) = match (note, leave) {
        (_, Leave::Refused) => return TakenOver,
        (RedemptionNote::First, Leave::Given(given)) if given.is_some() && given == epoch => {
            return Answer;
        }
        (RedemptionNote::First, _) => return AnswerIfTaken,
        (RedemptionNote::Unanswered(noted), _) => (noted, false),
        (RedemptionNote::Answered(noted), _) => (noted, true),
    };
    let (is_earlier, is_of_another_epoch) = match (claim, noted) {
        (Some(this), Some(noted)) if this.epoch == noted.epoch => {
            (this.number < noted.number, false)
        }
        (_, noted) => (false, noted.is_some()),
    };
    match leave {
        _ if is_earlier => TakenOver,
        _ if !is_answered && !is_of_another_epoch => AnswerIfTaken,
        Leave::Unknown => TryAgain,
        Leave::Gone if !is_of_another_epoch => Gone,
        _ => Replayed,
    }
}

#[cfg(test)]
mod tests;
