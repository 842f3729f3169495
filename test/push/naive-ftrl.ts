import type { CtrModelOptions } from '../../src/push/prefer/ctr/ctr-model.ts'

/** FTRL-proximal as the paper has it, one row at a time, with features by name instead of hashes. */
export class NaiveFtrl {
  readonly #options: CtrModelOptions
  readonly #sums = new Map<string, { z: number; n: number }>()

  constructor(options: CtrModelOptions) {
    this.#options = options
  }

  predict(row: Readonly<Record<string, number>>): number {
    const score = this.#names(row).reduce((sum, name) => sum + this.#weight(name), 0)
    return 1 / (1 + Math.exp(-score))
  }

  /** @param share of click delays that have passed, where it was not clicked. */
  learn(row: Readonly<Record<string, number>>, clicked: boolean, share: number): void {
    const p = this.predict(row)
    const g = clicked ? p - 1 : (p * share * (1 - p)) / (1 - p * share)
    for (const name of this.#names(row)) {
      const sums = this.#sums.get(name) ?? { z: 0, n: 0 }
      const sigma = (Math.sqrt(sums.n + g * g) - Math.sqrt(sums.n)) / this.#options.alpha
      const z = sums.z + g - sigma * this.#weight(name)
      this.#sums.set(name, { z, n: sums.n + g * g })
    }
  }

  #weight(name: string): number {
    const { alpha, beta, l1, l2 } = this.#options
    const { z, n } = this.#sums.get(name) ?? { z: 0, n: 0 }
    return Math.abs(z) <= l1 ? 0 : -(z - Math.sign(z) * l1) / ((beta + Math.sqrt(n)) / alpha + l2)
  }

  #names(row: Readonly<Record<string, number>>): string[] {
    const { columns, crosses } = this.#options
    const own = columns.map(column => `${column}=${row[column]}`)
    return ['', ...own, ...crosses.map(([a, b]) => `${a}=${row[a]}, ${b}=${row[b]}`)]
  }
}
