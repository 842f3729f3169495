/** What `Preference` knows, on disk: all but the factors, which come with the generation of models that is served. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { native } from '../../native.ts'
import {
  mappedTensor,
  openSafetensors,
  type Safetensors,
  type TensorArray,
  vector,
  writeSafetensors,
} from '../../storage/safetensors.ts'
import type { Blend } from './blend/blend.ts'
import type { ArticleItems } from './legs/article-items.ts'
import type { ContentProfiles } from './legs/content-profiles.ts'
import type { RecentReads } from './legs/recent-reads.ts'
import type { UserActivity } from './legs/user-activity.ts'

/** The parts that are written, with room for all users. */
export interface PreferenceParts {
  readonly users: number
  readonly items: ArticleItems
  readonly reads: RecentReads
  readonly activity: UserActivity
  readonly profiles: ContentProfiles
  readonly blend: Blend
  /** (segments, 2) */
  readonly priors: Float64Array
}

/** What is learned of is learned anew where the format changes. */
const format = 'aurochs-push-preference 1'

const stateFile = 'state.safetensors'

/** The file of the click model in the directory. */
export function ctrFileOf(directory: string): string {
  return join(directory, 'ctr.safetensors')
}

const described = z.strictObject({
  users: z.int().min(0),
  contentFactors: z.int().min(0),
  ringLength: z.int().min(1),
  shrinkage: z.number().positive(),
  contentReads: z.int().min(0),
  positives: z.int().min(0),
  negativesSeen: z.int().min(0),
  hasResponses: z.boolean(),
  calibration: z.strictObject({
    expected: z.array(z.number()),
    clicks: z.array(z.number()),
    lossGained: z.number(),
  }),
  items: z.array(z.string()),
  categories: z.array(z.string()),
  checksums: z.record(z.string(), z.number()),
})

/** Writes a new directory. @throws Error when it is there. */
export async function writePreference(directory: string, parts: PreferenceParts): Promise<void> {
  const { users, items, reads, activity, profiles, blend } = parts
  const { reads: readsPosterior, responses, negatives, positives, negativesSeen, calibration } = blend.state
  const known = items.state
  const tensors: Record<string, TensorArray> = {
    ...reads.state(users, items.size),
    lastVisits: activity.lastVisits.slice(0, users),
    visits: activity.visits.slice(0, users),
    profiles: profiles.data.slice(0, users * profiles.stride),
    profileCounts: profiles.counts.slice(0, users),
    contentSum: profiles.state.sum.slice(),
    itemCategories: known.itemCategories,
    itemVectors: known.vectors,
    priors: parts.priors,
    readsMean: readsPosterior.mean,
    readsPrecision: readsPosterior.precision,
    responsesMean: (responses ?? readsPosterior).mean,
    responsesPrecision: (responses ?? readsPosterior).precision,
    negatives,
  }
  const description: z.output<typeof described> = {
    users,
    contentFactors: profiles.factors,
    ringLength: reads.length,
    shrinkage: profiles.shrinkage,
    contentReads: profiles.state.reads,
    positives,
    negativesSeen,
    hasResponses: responses !== undefined,
    calibration: { ...calibration, expected: [...calibration.expected], clicks: [...calibration.clicks] },
    items: [...known.items],
    categories: [...known.categories],
    checksums: Object.fromEntries(Object.entries(tensors).map(([name, data]) => [name, checksumOf(data)])),
  }
  await mkdir(directory)
  const named = Object.fromEntries(Object.entries(tensors).map(([name, data]) => [name, vector(data)]))
  await writeSafetensors(join(directory, stateFile), named, { format, description: JSON.stringify(description) })
}

/** How many users there are in what was written, so that there is room for them before it is read. */
export function usersIn(directory: string): number {
  const path = join(directory, stateFile)
  const file = openSafetensors(path)
  try {
    return descriptionIn(file).users
  } finally {
    file.close()
  }
}

/** Reads into the parts what was written. @throws Error naming the file and what is wrong with it. */
export function readPreference(directory: string, parts: PreferenceParts): { readonly priors: Float64Array } {
  const file = openSafetensors(join(directory, stateFile))
  try {
    const description = descriptionIn(file)
    const { items, reads, activity, profiles, blend } = parts
    const { contentFactors, ringLength } = description
    if (contentFactors !== profiles.factors || ringLength !== reads.length) {
      const [found, asked] = [`${contentFactors} and ${ringLength}`, `${profiles.factors} and ${reads.length}`]
      throw broken(
        file,
        `it has content factors and last reads of ${found}, but asked for are ${asked}: open it with those`,
      )
    }
    const read = <A extends TensorArray>(name: string, kind: new (length: number) => A): A => {
      const { data } = mappedTensor(file, name, kind)
      const [expected, got] = [description.checksums[name], checksumOf(data)]
      if (got !== expected)
        throw broken(file, `tensor ${name} must have the checksum ${expected}, got ${got}: restore a backup`)
      return data.slice() as A
    }
    items.restore({
      items: description.items,
      categories: description.categories,
      itemCategories: read('itemCategories', Uint32Array),
      vectors: read('itemVectors', Float32Array),
    })
    const names = ['rings', 'counts', 'readers', 'latest', 'logItems', 'logBefore', 'logged']
    reads.restore(Object.fromEntries(names.map(name => [name, read(name, Uint32Array)])))
    activity.lastVisits.set(read('lastVisits', Float64Array))
    activity.visits.set(read('visits', Float32Array))
    profiles.data.set(read('profiles', Float32Array))
    profiles.counts.set(read('profileCounts', Float32Array))
    const { shrinkage, contentReads } = description
    profiles.restore({ sum: read('contentSum', Float64Array), reads: contentReads, shrinkage })
    const posterior = (name: string) => {
      return { mean: read(`${name}Mean`, Float64Array), precision: read(`${name}Precision`, Float64Array) }
    }
    blend.restore({
      reads: posterior('reads'),
      responses: description.hasResponses ? posterior('responses') : undefined,
      positives: description.positives,
      negativesSeen: description.negativesSeen,
      negatives: read('negatives', Float32Array),
      calibration: description.calibration,
    })
    return { priors: read('priors', Float64Array) }
  } finally {
    file.close()
  }
}

function descriptionIn(file: Safetensors): z.output<typeof described> {
  if (file.metadata.format !== format) {
    throw broken(file, `its format must be ${format}, got ${file.metadata.format ?? 'none'}: learn it anew`)
  }
  const parsed = described.safeParse(JSON.parse(file.metadata.description ?? '{}'))
  if (!parsed.success) throw broken(file, `its description cannot be read: ${parsed.error.message}`)
  return parsed.data
}

function broken(file: Safetensors, why: string): Error {
  return new Error(`${file.path} is no whole preference: ${why}`)
}

function checksumOf({ buffer, byteOffset, byteLength }: TensorArray): number {
  return native.crc32(new Uint8Array(buffer, byteOffset, byteLength), 0)
}
