/** Skip-gram with negative sampling, position by position and number by number, as the kernels' documentation has it. */
import { type Corpus, sequenceEnd } from '../../src/skip-gram/corpus.ts'
import type { SkipGramOptions } from '../../src/skip-gram/options.ts'

const mask = 2n ** 64n - 1n
const step = 0x9e3779b97f4a7c15n

function mix(value: bigint): bigint {
  let z = value & mask
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask
  return z ^ (z >> 31n)
}

/** The random numbers of one position, as the top and the bottom 32 bits of each. */
function randomAt(options: SkipGramOptions, epoch: number, stream: bigint, position: number) {
  const key = mix(mix((BigInt(options.seed) << 32n) | BigInt(epoch)) + stream * step)
  let state = mix(key ^ mix(BigInt(position) * step))
  return () => {
    state = (state + step) & mask
    const bits = mix(state)
    return [Number(bits >> 32n), Number(bits & 0xffff_ffffn)] as const
  }
}

interface Sample {
  readonly centre: number
  readonly targets: readonly (readonly [target: number, label: number])[]
}

/** One epoch over a corpus that is one round: moves `inputs` and `outputs` (rows of vectors) and gives the mean loss. */
export function naiveEpoch(
  tokens: Uint32Array,
  { vocabulary: { blocks, blockOf } }: Corpus,
  options: SkipGramOptions,
  epoch: number,
  vectors: { readonly inputs: number[][]; readonly outputs: number[][] },
  tables: { readonly keep: Uint32Array; readonly negativesOf: Uint32Array },
): number {
  const samples = samplesOf(tokens, options, epoch, tables)
  const rate = options.learningRate * Math.max(1e-4, 1 - epoch / options.epochs)
  const number = blocks.length - 1
  let [loss, count] = [0, 0]
  for (let shift = 0; shift < number; shift++) {
    for (let block = 0; block < number; block++) {
      for (const { centre, targets } of samples.filter(({ centre }) => blockOf[centre] === block)) {
        const own = targets.filter(([target]) => blockOf[target] === (block + shift) % number)
        loss += follow(centre, own, rate, vectors)
        count += own.length
      }
    }
  }
  return loss / count
}

function samplesOf(
  tokens: Uint32Array,
  options: SkipGramOptions,
  epoch: number,
  { keep, negativesOf }: { readonly keep: Uint32Array; readonly negativesOf: Uint32Array },
): Sample[] {
  const rows = keep.length
  const kept = [...tokens.entries()].filter(([position, token]) => {
    if (token === sequenceEnd || keep[token] === 0xffff_ffff) return true
    return randomAt(options, epoch, 0n, position)()[0] <= keep[token]!
  })
  return kept.flatMap(([position, centre], at) => {
    if (centre === sequenceEnd) return []
    const random = randomAt(options, epoch, 1n, position)
    const distance = 1 + Math.floor((random()[0] * options.window) / 2 ** 32)
    const targets: [number, number][] = []
    for (const direction of [-1, 1]) {
      for (let d = 1; d <= distance; d++) {
        const context = kept[at + direction * d]?.[1] ?? sequenceEnd
        if (context === sequenceEnd) break
        targets.push([context, 1])
        for (let n = 0; n < options.negatives; n++) {
          const [top, bottom] = random()
          const row = Math.floor((top * rows) / 2 ** 32)
          const negative = bottom < negativesOf[2 * row]! ? row : negativesOf[2 * row + 1]!
          if (negative !== context) targets.push([negative, 0])
        }
      }
    }
    return [{ centre, targets }]
  })
}

/** Steps of a centre and its targets; the loss before them. Four products are taken at once, as the kernel does. */
function follow(
  centre: number,
  targets: Sample['targets'],
  rate: number,
  { inputs, outputs }: { readonly inputs: number[][]; readonly outputs: number[][] },
): number {
  const input = inputs[centre]!
  const gradient = input.map(() => 0)
  let loss = 0
  const whole = targets.length - (targets.length % 4)
  for (let at = 0; at < targets.length; at += at < whole ? 4 : 1) {
    const batch = targets.slice(at, at < whole ? at + 4 : at + 1)
    const products = batch.map(([target]) => input.reduce((sum, value, f) => sum + value * outputs[target]![f]!, 0))
    batch.forEach(([target, label], index) => {
      const product = products[index]!
      loss += Math.log1p(Math.exp(label === 1 ? -product : product))
      const error = rate * (label - 1 / (1 + Math.exp(-product)))
      const output = outputs[target]!
      for (let f = 0; f < input.length; f++) {
        gradient[f]! += error * output[f]!
        output[f]! += error * input[f]!
      }
    })
  }
  gradient.forEach((by, f) => {
    input[f]! += by
  })
  return loss
}
