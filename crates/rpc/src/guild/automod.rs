//! Rules of the automatic moderation. All of it needs MANAGE_GUILD.

use consort_model::RuleId;
use consort_model::request::auto_moderation::RuleForm;
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Answers an array.
    List,
    /// One rule.
    Get { rule: RuleId },
    /// Answers the rule.
    Create(Box<RuleForm>),
    /// Answers the rule. Its trigger stays what it is.
    Update { rule: RuleId, form: Box<RuleForm> },
    /// Deletes it.
    Delete { rule: RuleId },
}
