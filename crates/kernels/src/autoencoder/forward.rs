//! From users to the gradients of their scores, a shard of users at a time.

pub use super::corrupt::Corruption;
use super::corrupt::{Dropout, Entries, corrupt};
use super::exp::{exp, tanh};
use super::gemm::add_product;
use super::{Active, SHARD, Shape};
use crate::csr::{Csr, CsrError};
use crate::matmul::Strided;
use crate::scratch::Floats;
use crate::simd::{Kernel, Lanes, Simd};

/// Outputs whose vectors are in the cache of the second level while a shard is scored: 200 factors take 208 KiB.
const BLOCK_OUTPUTS: usize = 256;

/// The score of an output that is left out: its exponential is 0 beside those of others.
const LEFT_OUT: f32 = -1e30;

/// What is minimised.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    /// What is visible.
    pub corruption: Corruption,
    /// Probability that a factor of a hidden state is 0, below 1.
    pub dropout: f32,
    /// λ of the tags' head.
    pub tag_weight: f32,
    /// ν: what a user with targets of weight n in sum counts, as n^−ν. 0: each target counts alike; 1: each user.
    pub length_exponent: f32,
    /// Whether only what is hidden is a target: then what is visible is left out of the softmax. Else all that the user has is.
    pub hidden_only: bool,
    /// What the loss of a user is multiplied with: 1 / users of the batch.
    pub scale: f32,
}

/// The model and the data of a step.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    /// Sizes.
    pub shape: Shape,
    /// (inputs × stride)
    pub inputs: &'a [f32],
    /// (outputs × stride)
    pub outputs: &'a [f32],
    /// (users × items), columns rising, weights above 0.
    pub items: Csr<'a>,
    /// (users × tags), the same; absent where there are no tags.
    pub tags: Option<Csr<'a>>,
    /// What is scored.
    pub active: Active<'a>,
    /// What is minimised.
    pub objective: Objective,
}

/// What a shard's forward pass writes.
pub struct ShardOutput<'a> {
    /// Room for the visible inputs of the shard's users one after the other, [`room`] for each.
    pub columns: &'a mut [u32],
    /// As many.
    pub values: &'a mut [f32],
    /// (users) How many each has.
    pub counts: &'a mut [u32],
    /// (SHARD × stride) Hidden states after dropout, with a 1 after the factors.
    pub hidden: &'a mut [f32],
    /// (SHARD × stride) Gradients of the hidden layer before tanh.
    pub errors: &'a mut [f32],
    /// (active × SHARD) Gradients of the scores.
    pub gradients: &'a mut [f32],
}

/// A target of a user of the shard; without weight, an output that is left out.
#[derive(Clone, Copy)]
struct Target {
    place: u32,
    user: u32,
    weight: f32,
}

/// Working memory.
#[derive(Default)]
pub struct Scratch {
    states: Floats,
    gathered: Floats,
    targets: Vec<Target>,
}

impl Forward<'_> {
    /// Room that `user` needs for its visible inputs.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn room(&self, user: u32) -> Result<usize, CsrError> {
        let (items, tags) = self.entries(user)?;
        Ok(items.0.len() + tags.0.len() + 1)
    }

    fn dropout(&self, user: u32) -> Dropout {
        Dropout::new(self.objective.dropout, &self.objective.corruption, user)
    }

    fn entries(&self, user: u32) -> Result<(Entries<'_>, Entries<'_>), CsrError> {
        let items = self.items.checked_row(user as usize, self.shape.items)?;
        let tags = match &self.tags {
            Some(tags) => tags.checked_row(user as usize, self.shape.tags)?,
            None => (&[][..], &[][..]),
        };
        Ok((items, tags))
    }

    /// Runs a shard of at most [`SHARD`] users; gives its part of the loss.
    ///
    /// # Errors
    /// Names the first row that is damaged.
    pub fn shard(
        &self,
        users: &[u32],
        out: ShardOutput<'_>,
        scratch: &mut Scratch,
        simd: Simd,
    ) -> Result<f64, CsrError> {
        let (stride, (active, _)) = (self.shape.stride(), self.active.counts(self.shape));
        let room = users.iter().try_fold(0, |sum, &user| self.room(user).map(|room| sum + room))?;
        assert!(users.len() <= SHARD && out.counts.len() == users.len());
        assert!(out.columns.len() == room && out.values.len() == room, "room for {room} visible inputs");
        assert!(out.hidden.len() == SHARD * stride && out.errors.len() == SHARD * stride);
        assert!(out.gradients.len() >= active * SHARD);
        assert_eq!(self.inputs.len(), self.shape.inputs() * stride);
        assert_eq!(self.outputs.len(), self.shape.outputs() * stride);
        if let Active::Sample { columns, corrections } = self.active {
            assert!(columns.len() == corrections.len() && columns.iter().all(|&c| (c as usize) < self.shape.outputs()));
        }
        simd.run(Pass { forward: self, users, out, scratch })
    }
}

struct Pass<'a, 'b> {
    forward: &'a Forward<'a>,
    users: &'a [u32],
    out: ShardOutput<'b>,
    scratch: &'a mut Scratch,
}

impl Kernel for Pass<'_, '_> {
    type Output = Result<f64, CsrError>;

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Self::Output {
        let Pass { forward, users, mut out, scratch } = self;
        let stride = forward.shape.stride();
        hide(forward, users, &mut out)?;
        // Users as lanes: a block of outputs times this gives their scores.
        let states = scratch.states.take(stride * SHARD);
        for (user, hidden) in out.hidden.chunks_exact(stride).enumerate() {
            hidden.iter().enumerate().for_each(|(factor, &value)| states[factor * SHARD + user] = value);
        }
        out.errors.fill(0.0);
        let (active, items) = forward.active.counts(forward.shape);
        let mut loss = 0.0;
        for (begin, end, weight) in [(0, items, 1.0), (items, active, forward.objective.tag_weight)] {
            if begin == end {
                continue;
            }
            let sums = targets(forward, users, &out, begin == 0, &mut scratch.targets)?;
            let head = Head { begin, end, weight, sums, targets: &scratch.targets };
            loss += head.run(l, forward, states, &mut scratch.gathered, &mut out);
        }
        // Through dropout and tanh; of users who are not there all is 0.
        let states = out.errors.chunks_exact_mut(stride).zip(out.hidden.chunks_exact(stride));
        for (&user, (errors, hidden)) in users.iter().zip(states) {
            let mut dropout = forward.dropout(user);
            let (own, rest) = errors.split_at_mut(forward.shape.factors);
            for (error, &value) in own.iter_mut().zip(hidden) {
                let scale = dropout.scale();
                let before = if scale > 0.0 { value / scale } else { 0.0 };
                *error *= scale * (1.0 - before * before);
            }
            rest.fill(0.0);
        }
        Ok(loss)
    }
}

/// Draws what is visible, and encodes it.
#[inline(always)]
fn hide(forward: &Forward<'_>, users: &[u32], out: &mut ShardOutput<'_>) -> Result<(), CsrError> {
    let (shape, stride) = (forward.shape, forward.shape.stride());
    out.hidden.fill(0.0);
    let mut begin = 0;
    for (at, &user) in users.iter().enumerate() {
        let (items, tags) = forward.entries(user)?;
        let end = begin + items.0.len() + tags.0.len() + 1;
        let (columns, values) = (&mut out.columns[begin..end], &mut out.values[begin..end]);
        let count = corrupt(shape, &forward.objective.corruption, user, items, tags, columns, values);
        out.counts[at] = count as u32;
        let hidden = &mut out.hidden[at * stride..][..stride];
        for (&column, &value) in columns[..count].iter().zip(&values[..count]) {
            let input = &forward.inputs[column as usize * stride..][..stride];
            hidden.iter_mut().zip(input).for_each(|(sum, &factor)| *sum += value * factor);
        }
        let mut dropout = forward.dropout(user);
        hidden[..shape.factors].iter_mut().for_each(|value| *value = tanh(*value) * dropout.scale());
        hidden[shape.factors] = 1.0;
        begin = end;
    }
    Ok(())
}

/// The targets of one head by their places, after [`hide`], and the sum of the weights of each user's.
#[inline(always)]
fn targets(
    forward: &Forward<'_>,
    users: &[u32],
    out: &ShardOutput<'_>,
    is_items: bool,
    into: &mut Vec<Target>,
) -> Result<[f32; SHARD], CsrError> {
    into.clear();
    let mut sums = [0.0; SHARD];
    let mut begin = 0;
    for (at, &user) in users.iter().enumerate() {
        let (items, tags) = forward.entries(user)?;
        let ((columns, weights), offset) = if is_items { (items, 0) } else { (tags, forward.shape.items as u32) };
        let visible = &out.columns[begin..][..out.counts[at] as usize];
        begin += items.0.len() + tags.0.len() + 1;
        let is_left_out =
            |column: u32| forward.objective.hidden_only && visible.binary_search(&(offset + column)).is_ok();
        let own = columns.iter().zip(weights);
        let sum: f32 = own.clone().filter(|entry| !is_left_out(*entry.0)).map(|entry| entry.1).sum();
        let scale = if sum > 0.0 { sum.powf(-forward.objective.length_exponent) } else { 0.0 };
        for (&column, &weight) in own {
            // A sample has all targets of its users.
            if let Some(place) = forward.active.place(offset + column) {
                let weight = if is_left_out(column) { 0.0 } else { weight * scale };
                into.push(Target { place: place as u32, user: at as u32, weight });
                sums[at] += weight;
            }
        }
    }
    into.sort_unstable_by_key(|target| (target.place, target.user));
    Ok(sums)
}

/// One softmax.
struct Head<'a> {
    begin: usize,
    end: usize,
    weight: f32,
    sums: [f32; SHARD],
    targets: &'a [Target],
}

impl Head<'_> {
    #[inline(always)]
    fn run<L: Lanes>(
        &self,
        l: L,
        forward: &Forward<'_>,
        states: &[f32],
        gathered: &mut Floats,
        out: &mut ShardOutput<'_>,
    ) -> f64 {
        let stride = forward.shape.stride();
        let (mut most, mut total) = ([f32::MIN; SHARD], [0.0f32; SHARD]);
        let mut loss = 0.0f64;
        for (first, count, targets) in self.blocks() {
            let vectors = block(forward, first, count, gathered);
            let scores = &mut out.gradients[first * SHARD..(first + count) * SHARD];
            scores.fill(0.0);
            let a = Strided { at: vectors.as_ptr(), row: stride, step: 1 };
            // SAFETY: the block has `count` vectors of a stride; `states` a stride of shards; `scores` `count` shards.
            unsafe {
                add_product(l, count, stride, a, states.as_ptr(), SHARD, scores.as_mut_ptr(), SHARD, SHARD);
            }
            if let Active::Sample { corrections, .. } = forward.active {
                for (scores, correction) in scores.chunks_exact_mut(SHARD).zip(&corrections[first..]) {
                    scores.iter_mut().for_each(|score| *score += correction);
                }
            }
            for target in targets {
                let score = &mut scores[(target.place as usize - first) * SHARD + target.user as usize];
                if target.weight == 0.0 {
                    *score = LEFT_OUT;
                    continue;
                }
                if let Active::Sample { corrections, .. } = forward.active {
                    *score -= corrections[target.place as usize];
                }
                loss -= f64::from(target.weight) * f64::from(*score);
            }
            let before = most;
            for scores in rows(scores) {
                most.iter_mut().zip(scores).for_each(|(most, &score)| *most = most.max(score));
            }
            for user in 0..SHARD {
                total[user] *= exp(before[user] - most[user]);
            }
            for scores in rows(scores) {
                for user in 0..SHARD {
                    total[user] += exp(scores[user] - most[user]);
                }
            }
        }
        let (mut shift, mut factor) = ([0.0; SHARD], [0.0; SHARD]);
        let scale = self.weight * forward.objective.scale;
        for user in 0..SHARD {
            shift[user] = most[user] + total[user].ln();
            factor[user] = self.sums[user] * scale;
            if self.sums[user] > 0.0 {
                loss += f64::from(self.sums[user]) * f64::from(shift[user]);
            }
        }
        for (first, count, targets) in self.blocks() {
            let vectors = block(forward, first, count, gathered);
            let gradients = &mut out.gradients[first * SHARD..(first + count) * SHARD];
            for row in gradients.as_chunks_mut::<SHARD>().0 {
                for user in 0..SHARD {
                    row[user] = factor[user] * exp(row[user] - shift[user]);
                }
            }
            for target in targets {
                let at = (target.place as usize - first) * SHARD + target.user as usize;
                gradients[at] -= target.weight * scale;
            }
            let a = Strided { at: gradients.as_ptr(), row: 1, step: SHARD };
            // SAFETY: as above, with the block's gradients by users; the errors are a shard of strides.
            unsafe {
                add_product(l, SHARD, count, a, vectors.as_ptr(), stride, out.errors.as_mut_ptr(), stride, stride);
            }
        }
        loss * f64::from(scale)
    }

    /// First place, number of places, and targets of each block.
    #[inline(always)]
    fn blocks(&self) -> impl Iterator<Item = (usize, usize, &[Target])> {
        let mut from = 0;
        (self.begin..self.end).step_by(BLOCK_OUTPUTS).map(move |first| {
            let count = BLOCK_OUTPUTS.min(self.end - first);
            let own = self.targets[from..].partition_point(|target| (target.place as usize) < first + count);
            from += own;
            (first, count, &self.targets[from - own..from])
        })
    }
}

#[inline(always)]
fn rows(scores: &[f32]) -> &[[f32; SHARD]] {
    scores.as_chunks().0
}

/// The vectors of the active outputs from `first` on.
#[inline(always)]
fn block<'a>(forward: &'a Forward<'_>, first: usize, count: usize, gathered: &'a mut Floats) -> &'a [f32] {
    let stride = forward.shape.stride();
    match forward.active {
        Active::All => &forward.outputs[first * stride..(first + count) * stride],
        Active::Sample { columns, .. } => {
            let vectors = gathered.take(BLOCK_OUTPUTS * stride);
            for (to, &column) in vectors.chunks_exact_mut(stride).zip(&columns[first..first + count]) {
                to.copy_from_slice(&forward.outputs[column as usize * stride..][..stride]);
            }
            &vectors[..count * stride]
        }
    }
}
