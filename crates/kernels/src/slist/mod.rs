//! SLIST: item-item weights of sessions in closed form (Choi, Kim, Lee, Shim & Lee 2021, "Session-aware Linear Item-Item Models for
//! Session-based Recommendation").
//!
//! With X (sessions × items) the sessions, S and T their pasts and futures, one row for each place at which a session can be cut,
//! W what sessions count, and α, the weights B minimise
//!
//! ```text
//! α ‖W^½ (X − XB)‖² + (1 − α) ‖W^½ (T − SB)‖² + λ ‖B‖²,   B_jj ≤ ξ
//! ```
//!
//! of which the first part, SLIS, is the consistency of sessions, and the second, SLIT, the transitions within them. An item of a past
//! counts less the further it is from its end, one of a future the further it is from its begin. Beside λ each item has a regularization in
//! proportion to how frequent it is: see [`Regression`].
//!
//! [`Products`] gives rows of G = α XᵀWX + (1 − α) SᵀWS and columns of C = α XᵀWX + (1 − α) SᵀWT; [`Regression`] gives each column
//! of B by itself, from some items alone, as that of EASE does.

mod products;
mod regression;
#[cfg(test)]
mod tests;

pub use products::{Products, SessionsError, Terms};
pub use regression::{Regression, Scratch};
