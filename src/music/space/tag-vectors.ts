import type { Csr } from '../../storage/csr.ts'
import { transposed } from '../../storage/csr.ts'
import { isSet, normalise, productWith } from './vectors.ts'

export interface TaggedSongs {
  /** (songs × rank) Of length 1, or zeros. */
  readonly vectors: Float32Array
  readonly rank: number
  /** (songs × tags) */
  readonly songTags: Csr
}

/**
 * The vectors of tags (tags × rank), of length 1: the mean of the vectors of songs that have the tag, weighted by how much they have of it, less
 * the mean of all songs; zeros where no song has it. A mean of few songs is not shrunk: that changes its length only, which is 1 in the end.
 */
export function meanTagVectors({ vectors, rank, songTags }: TaggedSongs): Float32Array {
  const all = meanOf(vectors, rank)
  const sums = new Float64Array(songTags.columns * rank)
  const totals = new Float64Array(songTags.columns)
  for (let song = 0; song < songTags.rows; song++) {
    if (!isSet(vectors, song, rank)) continue
    for (let pair = Number(songTags.indptr[song]); pair < Number(songTags.indptr[song + 1]); pair++) {
      const [tag, weight] = [songTags.indices[pair]!, songTags.weights[pair]!]
      totals[tag]! += weight
      for (let at = 0; at < rank; at++) sums[tag * rank + at]! += weight * vectors[song * rank + at]!
    }
  }
  const found = new Float32Array(sums.length)
  for (let tag = 0; tag < totals.length; tag++) {
    if (totals[tag] === 0) continue
    for (let at = 0; at < rank; at++) found[tag * rank + at] = sums[tag * rank + at]! / totals[tag]! - all[at]!
  }
  return normalise(found, rank)
}

export interface ChosenTagVectors {
  readonly vectors: Float32Array
  /** Where those come from of tags that both have. */
  readonly chosen: 'songs' | 'model'
  /** Mean AUC of the songs of a tag among all, by the vectors of each: of the tags that both have and enough songs have. */
  readonly auc?: { readonly songs: number; readonly model: number } | undefined
}

/** Songs that a tag needs for its vectors to be compared. */
const leastSongs = 8

/**
 * The vectors of tags by their songs or by a model, whichever finds the songs of a tag better: the AUC of songs that have it among all others by
 * cosine, for means of every other of its songs judged by the rest, which a model's vectors are judged by, too. A tag that one of them
 * lacks has the other's.
 *
 * @param ofModel (tags × rank) In the space of the songs; zeros where the model has none. Absent: it has no vectors of tags.
 */
export function chooseTagVectors(songs: TaggedSongs, ofModel: Float32Array | undefined): ChosenTagVectors {
  const { rank } = songs
  const bySongs = meanTagVectors(songs)
  if (!ofModel) return { vectors: bySongs, chosen: 'songs' }
  const byModel = normalise(ofModel.slice(), rank)
  const auc = compared(songs, byModel)
  const chosen = auc && auc.model > auc.songs ? 'model' : 'songs'
  const [first, second] = chosen === 'model' ? [byModel, bySongs] : [bySongs, byModel]
  const vectors = first.slice()
  for (let tag = 0; tag * rank < vectors.length; tag++) {
    if (!isSet(first, tag, rank)) vectors.set(second.subarray(tag * rank, (tag + 1) * rank), tag * rank)
  }
  return { vectors, chosen, auc }
}

function compared(songs: TaggedSongs, byModel: Float32Array): ChosenTagVectors['auc'] {
  const { vectors, rank, songTags } = songs
  const byTag = transposed(songTags)
  const judged: number[][] = []
  for (let tag = 0; tag < songTags.columns; tag++) {
    const own = byTag.indices.subarray(Number(byTag.indptr[tag]), Number(byTag.indptr[tag + 1]))
    const known = Array.from(own).filter(song => isSet(vectors, song, rank))
    judged.push(known.length >= leastSongs && isSet(byModel, tag, rank) ? known.filter((_, at) => at % 2 === 1) : [])
  }
  if (judged.every(each => each.length === 0)) return undefined
  const learned = meanTagVectors({ vectors, rank, songTags: without(songTags, judged) })
  const sums = { songs: 0, model: 0, count: 0 }
  judged.forEach((own, tag) => {
    if (own.length === 0) return
    const having = new Set(byTag.indices.subarray(Number(byTag.indptr[tag]), Number(byTag.indptr[tag + 1])))
    const vectorOf = (of: Float32Array) => of.subarray(tag * rank, (tag + 1) * rank)
    sums.songs += aucOf(songs, vectorOf(learned), own, having)
    sums.model += aucOf(songs, vectorOf(byModel), own, having)
    sums.count++
  })
  return { songs: sums.songs / sums.count, model: sums.model / sums.count }
}

/** The share of pairs of one of `wanted` and a song that is not in `having`, in which the first has the higher cosine; ties are half. */
function aucOf(
  { vectors, rank }: TaggedSongs,
  tag: Float32Array,
  wanted: readonly number[],
  having: ReadonlySet<number>,
): number {
  const isWanted = new Set(wanted)
  const scored: { cosine: number; isWanted: boolean }[] = []
  for (let song = 0; song * rank < vectors.length; song++) {
    if (!isSet(vectors, song, rank) || (having.has(song) && !isWanted.has(song))) continue
    scored.push({ cosine: productWith(vectors, song, tag), isWanted: isWanted.has(song) })
  }
  scored.sort((a, b) => a.cosine - b.cosine)
  const others = scored.length - wanted.length
  if (others === 0) return 0.5
  let [below, sum] = [0, 0]
  for (let begin = 0; begin < scored.length; ) {
    let end = begin
    let [own, foreign] = [0, 0]
    for (; end < scored.length && scored[end]!.cosine === scored[begin]!.cosine; end++) {
      if (scored[end]!.isWanted) own++
      else foreign++
    }
    sum += own * (below + foreign / 2)
    below += foreign
    begin = end
  }
  return sum / (others * wanted.length)
}

/** `matrix` without the songs of `judged`, by tag. */
function without(matrix: Csr, judged: readonly (readonly number[])[]): Csr {
  const sets = judged.map(songs => new Set(songs))
  const indptr = new BigUint64Array(matrix.rows + 1)
  const kept: number[] = []
  for (let song = 0; song < matrix.rows; song++) {
    for (let pair = Number(matrix.indptr[song]); pair < Number(matrix.indptr[song + 1]); pair++) {
      if (!sets[matrix.indices[pair]!]!.has(song)) kept.push(pair)
    }
    indptr[song + 1] = BigInt(kept.length)
  }
  const indices = Uint32Array.from(kept, pair => matrix.indices[pair]!)
  const weights = Float32Array.from(kept, pair => matrix.weights[pair]!)
  return { rows: matrix.rows, columns: matrix.columns, indptr, indices, weights }
}

function meanOf(vectors: Float32Array, rank: number): Float64Array {
  const mean = new Float64Array(rank)
  let count = 0
  for (let row = 0; row * rank < vectors.length; row++) {
    if (!isSet(vectors, row, rank)) continue
    count++
    for (let at = 0; at < rank; at++) mean[at]! += vectors[row * rank + at]!
  }
  return mean.map(sum => sum / Math.max(1, count))
}
