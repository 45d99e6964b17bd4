use insula_model::{CacheEpoch, CodeClaim};

use super::RedemptionVerdict::{Answer, AnswerIfTaken, Gone, Replayed, TakenOver, TryAgain};
use super::{Leave, RedemptionNote, redemption};

fn epoch(name: &str) -> CacheEpoch {
    CacheEpoch::parse(name).unwrap()
}

fn claim(name: &str, number: u32) -> CodeClaim {
    CodeClaim {
        epoch: epoch(name),
        number,
    }
}

/// What the second claim of epoch A comes to, by its note and then by its leave: given in A, in B, in
/// an epoch that is not known, not given, of a code that is gone, not heard of.
#[test]
fn every_pair_of_note_and_leave_is_judged() {
    let (a, b) = (epoch("A"), epoch("B"));
    let leaves = [
        Leave::Given(Some(&a)),
        Leave::Given(Some(&b)),
        Leave::Given(None),
        Leave::Refused,
        Leave::Gone,
        Leave::Unknown,
    ];
    let taken = AnswerIfTaken;
    let first = [Answer, taken, taken, TakenOver, taken, taken];
    let open = [taken, taken, taken, TakenOver, taken, taken];
    let late = [TakenOver; 6];
    let answered = [Replayed, Replayed, Replayed, TakenOver, Gone, TryAgain];
    let elsewhere = [Replayed, Replayed, Replayed, TakenOver, Replayed, TryAgain];
    let (earlier, later) = (&claim("A", 1), &claim("A", 3));
    let (this, other) = (&claim("A", 2), &claim("B", 1));
    for (note, expected) in [
        (RedemptionNote::First, first),
        (RedemptionNote::Unanswered(Some(earlier)), open),
        (RedemptionNote::Unanswered(Some(this)), open),
        (RedemptionNote::Unanswered(Some(later)), late),
        (RedemptionNote::Unanswered(Some(other)), elsewhere),
        (RedemptionNote::Unanswered(None), open),
        (RedemptionNote::Answered(Some(earlier)), answered),
        (RedemptionNote::Answered(Some(later)), late),
        (RedemptionNote::Answered(Some(other)), elsewhere),
        (RedemptionNote::Answered(None), answered),
    ] {
        let judged = leaves.map(|leave| redemption(Some(this), note, leave));
        assert_eq!(judged, expected, "{note:?}");
    }
}

#[test]
fn a_claim_of_no_known_epoch_is_never_answered_without_taking_the_answer() {
    let (a, of_a) = (epoch("A"), claim("A", 1));
    let first = [Leave::Given(None), Leave::Given(Some(&a)), Leave::Gone];
    for leave in first {
        assert_eq!(
            redemption(None, RedemptionNote::First, leave),
            AnswerIfTaken
        );
    }
    let open = RedemptionNote::Unanswered(None);
    assert_eq!(redemption(None, open, Leave::Given(None)), AnswerIfTaken);
    let free = RedemptionNote::Unanswered(Some(&of_a));
    assert_eq!(redemption(None, free, Leave::Given(None)), Replayed);
}

/// Where the first to be noted is answered without taking the answer, nobody else may take it but a
/// later claim of the same epoch, which would have cost it the leave.
#[test]
fn no_claim_takes_the_answer_of_one_that_is_answered_without() {
    let (a, first) = (epoch("A"), claim("A", 2));
    let leave = Leave::Given(Some(&a));
    assert_eq!(
        redemption(Some(&first), RedemptionNote::First, leave),
        Answer
    );
    let note = RedemptionNote::Unanswered(Some(&first));
    let leaves = [leave, Leave::Given(None), Leave::Gone, Leave::Unknown];
    for other in [None, Some(claim("A", 1)), Some(claim("B", 3))] {
        for leave in leaves {
            let judged = redemption(other.as_ref(), note, leave);
            assert!(!matches!(judged, Answer | AnswerIfTaken), "{other:?}");
        }
    }
}
