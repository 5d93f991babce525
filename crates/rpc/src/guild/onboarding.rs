//! Questions for new members.

use consort_model::GenericId;
use consort_model::request::onboarding::OnboardingForm;
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Answers the onboarding.
    Get,
    /// MANAGE_GUILD and MANAGE_ROLES. Answers the onboarding.
    Set(Box<OnboardingForm>),
    /// The caller's answers: gives the roles of those that are chosen, and takes those of the others. Answers what is kept.
    Answer { chosen: Vec<GenericId> },
}
