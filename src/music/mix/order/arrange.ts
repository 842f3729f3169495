import type { Objective } from './objective.ts'
import type { Spacing } from './spacing.ts'

/** Passes over all places and songs until nothing is better; a few suffice. */
const mostPasses = 20
/** Songs that a list is tried to begin with, the best ones at its first place; of lists up to `shortList` songs. */
const mostStarts = 4
const shortList = 50
/** Places that a part of the list is reversed or moved by at most; songs are swapped at any distance. */
const longestMove = 12
/** Gains that are rounding alone. */
const leastGain = 1e-9

/**
 * Chooses `length` songs of the pool and their order: first greedily, place by place the song of the highest marginal relevance (Carbonell &
 * Goldstein 1998); then by local search on the objective, which puts another song at a place, swaps two, and reverses or moves what lies
 * between, until nothing helps; the best of what several first songs lead to. It is a local optimum: tests hold it against all lists of small
 * pools. Fewer songs where the spacing admits no other. O(passes · length · (pool + length) + length · pool · rank).
 */
export function arrange(objective: Objective, newSpacing: () => Spacing, length: number): number[] {
  let best: readonly number[] = []
  const starts = Math.min(length <= shortList ? mostStarts : 1, objective.pool.relevance.length)
  for (let start = 0; start < starts; start++) {
    const order = arrangedFrom(new ArrangedList(objective, newSpacing()), start, length)
    const isLonger = order.length > best.length
    if (isLonger || (order.length === best.length && objective.valueOf(order) > objective.valueOf(best))) best = order
  }
  return [...best]
}

function arrangedFrom(list: ArrangedList, start: number, length: number): readonly number[] {
  if (!list.append(start)) return []
  while (list.order.length < length && list.append()) {}
  for (let pass = 0; pass < mostPasses; pass++) {
    const isReplaced = list.replace()
    const isReordered = list.reorder()
    if (!isReplaced && !isReordered) break
  }
  return list.order
}

class ArrangedList {
  readonly order: number[] = []
  readonly #objective: Objective
  readonly #spacing: Spacing
  readonly #isTaken: Uint8Array
  /** Of each of the pool: the sum of its cosines with the songs of the list. */
  readonly #similarity: Float64Array

  constructor(objective: Objective, spacing: Spacing) {
    this.#objective = objective
    this.#spacing = spacing
    const { length } = objective.pool.relevance
    this.#isTaken = new Uint8Array(length)
    this.#similarity = new Float64Array(length)
  }

  /** Adds the song that is best at the next place, or that which so many are better than. Gives whether there was one. */
  append(better = 0): boolean {
    const { order } = this
    const place = order.length
    const passed = new Set<number>()
    for (;;) {
      const best = this.#bestAt(place, passed)
      if (best < 0) return false
      if (passed.size === better) {
        order.push(best)
        this.#take(best)
        return true
      }
      passed.add(best)
    }
  }

  /** The song that is best at the end of the list, but for those of `passed`; -1 where there is none. */
  #bestAt(place: number, passed: ReadonlySet<number>): number {
    const { order } = this
    let [best, highest] = [-1, Number.NEGATIVE_INFINITY]
    for (let song = 0; song < this.#isTaken.length; song++) {
      if (this.#isTaken[song] === 1 || passed.has(song) || !this.#spacing.admits(song)) continue
      const value =
        this.#objective.placeValue(song, place) +
        this.#objective.transition(order.at(-1), song, place) -
        this.#objective.similarityCost(this.#similarity[song]!, place)
      if (value <= highest) continue
      order.push(song)
      if (this.#spacing.isSpaced(order, place)) [best, highest] = [song, value]
      order.pop()
    }
    return best
  }

  /** Puts at each place the song that is best there. Gives whether any changed. */
  replace(): boolean {
    let isChanged = false
    for (let place = 0; place < this.order.length; place++) isChanged = this.#replaceAt(place) || isChanged
    return isChanged
  }

  #replaceAt(place: number): boolean {
    const { order } = this
    const [former, others] = [order[place]!, order.length - 1]
    const row = this.#objective.row(former)
    const before =
      this.#valueAround(place) - 2 * this.#objective.similarityCost(this.#similarity[former]! - row[former]!, others)
    let [best, highest] = [former, before + leastGain]
    for (let song = 0; song < this.#isTaken.length; song++) {
      if (this.#isTaken[song] === 1 || !this.#spacing.admits(song, former)) continue
      order[place] = song
      const similarity = this.#similarity[song]! - row[song]!
      const value = this.#valueAround(place) - 2 * this.#objective.similarityCost(similarity, others)
      if (value > highest && this.#spacing.isSpaced(order, place)) [best, highest] = [song, value]
    }
    order[place] = best
    if (best === former) return false
    this.#leave(former)
    this.#take(best)
    return true
  }

  /** Puts the songs that are there in a better order, wherever one change makes it better. Gives whether any changed. */
  reorder(): boolean {
    let isChanged = false
    const count = this.order.length
    for (let one = 0; one < count; one++) {
      for (let other = one + 1; other < count; other++) {
        const moves = other - one > longestMove ? [swap] : [swap, reverse, moveBack, moveForward]
        for (const move of moves) isChanged = this.#reorderBy(move, one, other) || isChanged
      }
    }
    return isChanged
  }

  #reorderBy(move: Move, one: number, other: number): boolean {
    const { order } = this
    const isSwap = move === swap && other > one + 1
    const valueNow = () => (isSwap ? this.#valueAround(one) + this.#valueAround(other) : this.#valueFrom(one, other))
    const before = valueNow()
    move.change(order, one, other)
    const isBetter = valueNow() > before + leastGain && this.#areSpaced(one, other)
    if (!isBetter) move.undo(order, one, other)
    return isBetter
  }

  #areSpaced(one: number, other: number): boolean {
    for (let place = one; place <= other; place++) if (!this.#spacing.isSpaced(this.order, place)) return false
    return true
  }

  /** Of the songs from `one` to `other`, with the transition to the next. */
  #valueFrom(one: number, other: number): number {
    const own = this.#objective.valueOfPlaces(this.order, one, other + 1)
    if (other + 1 >= this.order.length) return own
    return own + this.#objective.transition(this.order[other]!, this.order[other + 1]!, other + 1)
  }

  /** Of the song at `place`, with both transitions. */
  #valueAround(place: number): number {
    return this.#valueFrom(place, place)
  }

  #take(song: number): void {
    this.#isTaken[song] = 1
    this.#spacing.add(song)
    this.#addSimilarity(song, 1)
  }

  #leave(song: number): void {
    this.#isTaken[song] = 0
    this.#spacing.remove(song)
    this.#addSimilarity(song, -1)
  }

  #addSimilarity(song: number, sign: number): void {
    const row = this.#objective.row(song)
    for (let at = 0; at < row.length; at++) this.#similarity[at]! += sign * row[at]!
  }
}

/** A change of the order from place `one` to `other`, and what takes it back. */
interface Move {
  readonly change: (order: number[], one: number, other: number) => void
  readonly undo: Move['change']
}

const swap: Move = { change: exchange, undo: exchange }
const reverse: Move = { change: reverseRange, undo: reverseRange }
/** The song at `one` goes to `other`, those between come forward. */
const moveBack: Move = { change: rotateLeft, undo: rotateRight }
const moveForward: Move = { change: rotateRight, undo: rotateLeft }

function exchange(order: number[], one: number, other: number): void {
  const song = order[one]!
  order[one] = order[other]!
  order[other] = song
}

function reverseRange(order: number[], one: number, other: number): void {
  for (let [low, high] = [one, other]; low < high; low++, high--) exchange(order, low, high)
}

function rotateLeft(order: number[], one: number, other: number): void {
  const song = order[one]!
  order.copyWithin(one, one + 1, other + 1)
  order[other] = song
}

function rotateRight(order: number[], one: number, other: number): void {
  const song = order[other]!
  order.copyWithin(one + 1, one, other)
  order[one] = song
}
