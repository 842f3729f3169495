/** Splits that need no times. All are the same for the same seed. */
import type { Csr } from '../../storage/csr.ts'
import { randomNumbers, shuffled } from '../../storage/random.ts'
import { given, held, type Marks } from './marks.ts'

/** Holds each pair out with this probability, independently. */
export function randomPairs({ indices }: Csr, share: number, seed: number): Marks {
  const random = randomNumbers(seed)
  return new Uint8Array(indices.length).map(() => (random() < share ? held : 0))
}

/**
 * Holds out the pairs of one of `folds`: each user's are shuffled and dealt to the folds in turn, going on where the user before
 * ended. So each pair is in one fold, a user's pairs are in as many as can be, and no fold has more than one pair above another.
 */
export function foldPairs(byUser: Csr, folds: number, fold: number, seed: number): Marks {
  const random = randomNumbers(seed)
  const marks = new Uint8Array(byUser.indices.length)
  let dealt = 0
  for (let user = 0; user < byUser.rows; user++) {
    for (const pair of shuffledPairs(byUser, user, random)) if (dealt++ % folds === fold) marks[pair] = held
  }
  return marks
}

/** Holds out one pair of each user who has another. */
export function onePair({ rows, indptr, indices }: Csr, seed: number): Marks {
  const random = randomNumbers(seed)
  const marks = new Uint8Array(indices.length)
  for (let user = 0; user < rows; user++) {
    const [begin, end] = [Number(indptr[user]), Number(indptr[user + 1])]
    if (end - begin > 1) marks[begin + Math.floor(random() * (end - begin))] = held
  }
  return marks
}

/**
 * Holds a share of the users out whole, of those who have at least two pairs: `found` of each one's pairs are to be found, at
 * least one, and the others given, at least one. Strong generalisation (Marlin 2004), as in Liang et al. 2018, "Variational
 * autoencoders for collaborative filtering".
 */
export function wholeUsers(byUser: Csr, { share, found }: { share: number; found: number }, seed: number): Marks {
  const { rows, indptr, indices } = byUser
  const random = randomNumbers(seed)
  const marks = new Uint8Array(indices.length)
  const pairsOf = (user: number) => Number(indptr[user + 1] - indptr[user])
  let left = 0
  for (let user = 0; user < rows; user++) if (pairsOf(user) > 1) left++
  let chosen = Math.max(1, Math.round(share * left))
  for (let user = 0; user < rows; user++) {
    const pairs = pairsOf(user)
    if (pairs < 2) continue
    // As many as are to be chosen, each set of them with the same chance (Knuth's algorithm S).
    if (random() * left-- >= chosen) continue
    chosen--
    const toFind = Math.min(pairs - 1, Math.max(1, Math.round(found * pairs)))
    shuffledPairs(byUser, user, random).forEach((pair, at) => {
      marks[pair] = at < toFind ? held : given
    })
  }
  return marks
}

/** The places of a user's pairs, in random order. */
function shuffledPairs({ indptr }: Csr, user: number, random: () => number): Float64Array {
  const begin = Number(indptr[user])
  const pairs = Float64Array.from({ length: Number(indptr[user + 1]) - begin }, (_, at) => begin + at)
  return shuffled(pairs, random)
}
