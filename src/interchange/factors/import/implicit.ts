/** Models that the Python library implicit saved (`model.save`): an .npz of factors and parameters. */
import { readNpy } from '../../../storage/numpy/npy.ts'
import type { ZipFile } from '../../../storage/numpy/zip.ts'
import { matrixOf } from './arrays.ts'
import type { ForeignFactors } from './foreign-factors.ts'

const members = ['user_factors.npy', 'item_factors.npy'] as const

/**
 * The factors in an archive, and what options fold in as implicit does: of its ALS the confidence α r, its unobserved weight 1 and its λ (`recalculate_user`).
 * Rows are those of the matrix that it was fitted to.
 *
 * @throws Error naming the archive when it has no factors.
 */
export async function implicitFactors(archive: ZipFile): Promise<ForeignFactors> {
  const { path, names } = archive
  const missing = members.find(name => !names.includes(name))
  if (missing) {
    throw new Error(
      `${path} must have user_factors and item_factors, as implicit saves models of factors, but has ${names.map(bare).join(', ')}`,
    )
  }
  const [users, items] = [await matrix(archive, members[0]), await matrix(archive, members[1])]
  if (users.width !== items.width) {
    throw new Error(`${path}: users and items must have as many factors, got ${users.width} and ${items.width}`)
  }
  const { width } = users
  return { users, items, width, origin: path, ...(await trainingOf(archive, width)) }
}

/** By the parameters that only one of its models has. */
async function trainingOf(archive: ZipFile, width: number): Promise<Pick<ForeignFactors, 'algorithm' | 'options'>> {
  const has = (name: string) => archive.names.includes(`${name}.npy`)
  const [regularization, factors] = [await number(archive, 'regularization'), await number(archive, 'factors')]
  if (has('cg_steps') || has('use_cg')) {
    return {
      algorithm: 'als',
      options: {
        confidence: 'implicit',
        unobservedWeight: 1,
        frequencyExponent: 0,
        weighting: 'weight',
        // Versions before 0.5 had no α: they took the values of the matrix as they were.
        alpha: (await number(archive, 'alpha')) ?? 1,
        ...(regularization !== undefined && { regularization }),
      },
    }
  }
  // The last column of its BPR has the biases of items; its logistic factorization has those of users, too, and is left as it is.
  if (has('verify_negative_samples') && factors === width - 1) return { algorithm: 'bpr', options: { biases: 'item' } }
  return {}
}

async function matrix(archive: ZipFile, name: string) {
  const title = `${bare(name)} of ${archive.path}`
  return matrixOf(await readNpy(archive.contents(name), title), title)
}

async function number(archive: ZipFile, name: string): Promise<number | undefined> {
  if (!archive.names.includes(`${name}.npy`)) return undefined
  const array = await readNpy(archive.contents(`${name}.npy`), `${name} of ${archive.path}`)
  for await (const piece of array.numbers()) return piece[0]
  return undefined
}

function bare(name: string): string {
  return name.replace(/\.npy$/, '')
}
