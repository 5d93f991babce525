//! Seats among the guilds and groups of an account, held while something is under way that uses one.

use consort_model::UserId;
use consort_rpc::user::seat::{Op, Seat};
use consort_rpc::{Caller, Reply, user};

use crate::{App, Failure};

impl App {
    /// Has the account hold a seat while `enter` brings it in. After an answer that may mean anything (5xx) the seat is kept
    /// until it lapses: the account may be in.
    ///
    /// # Errors
    /// 400/30001 when the account is in as many guilds as it may be, 400/30011 for groups; what `enter` fails with.
    pub(crate) async fn with_seat(
        &self,
        user: UserId,
        seat: Seat,
        enter: impl Future<Output = Result<Reply, Failure>>,
    ) -> Result<Reply, Failure> {
        let ask = |op| self.users.call(user.get(), Caller::system(), user::Op::Seat(op));
        ask(Op::Take { seat }).await?;
        let entered = enter.await;
        let unsure = match &entered {
            Ok(Err(error)) | Err(Failure(error)) => error.status >= 500,
            Ok(Ok(_)) => false,
        };
        if !unsure && let Err(error) = ask(Op::GiveBack { seat }).await {
            tracing::debug!(%error, "a seat is held until it lapses");
        }
        entered
    }
}
