//! EASE: item-item weights in closed form (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data").
//!
//! With X (users × items), the weights B minimise ‖X − XB‖² + λ‖B‖² where the diagonal of B is 0. With P the inverse of
//! XᵀX + λI,
//!
//! ```text
//! B_ij = −P_ij / P_jj   (i ≠ j),   B_jj = 0
//! ```
//!
//! and the scores of a user with row x are xB. 1 / P_jj is the error that remains of column j: the residual.
//!
//! Dense: [`gramian`] makes the triangle of XᵀX + λI in tiles ([`tiles`]), [`sweep`] makes −P of it in place, and
//! [`weights`] gives rows of B. Sparse: [`regression`] gives each column of B by itself, from some items alone.
//! [`rank`] makes lists of either.

pub mod gramian;
pub mod rank;
pub mod regression;
pub mod sweep;
#[cfg(test)]
mod tests;
pub mod tiles;
pub mod weights;
