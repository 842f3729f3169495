import { writeLists } from '../../interchange/lists/write-lists.ts'
import { UsageError } from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'

interface AllOptions {
  readonly out?: string | undefined
  readonly limit: number
  readonly seen: 'allow' | 'exclude'
  readonly threads?: number | undefined
  readonly replace: boolean
  readonly json: boolean
}

/** `aurochs recommend --all`: the lists of all users as files of Parquet. */
export async function recommendAll(model: string, { out, json, ...options }: AllOptions): Promise<void> {
  if (out === undefined) throw new UsageError('--all needs --out, the directory of the lists; got nothing')
  const bar = new ProgressBar()
  const begun = performance.now()
  const count = (n: number) => n.toLocaleString('en')
  let [listed, kept] = [0, 0]
  try {
    const manifest = await interruptible(
      signal =>
        writeLists(model, out, {
          ...options,
          signal,
          onProgress({ users, total, before }) {
            listed = users - before
            kept = before
            const [share, seconds] = [listed / Math.max(1, total - before), (performance.now() - begun) / 1000]
            const left = share > 0.02 ? (seconds * (1 - share)) / share : undefined
            const note = `, ${count(users)} of ${count(total)} users, ${count(Math.round(listed / seconds))} users/s`
            bar.show('recommending', users / Math.max(1, total), left, note)
          },
        }),
      `interrupted: the parts in ${out} that are whole stay, and the same command goes on from there`,
    )
    bar.stop()
    if (json) {
      process.stdout.write(`${JSON.stringify(manifest)}\n`)
      return
    }
    const seconds = (performance.now() - begun) / 1000
    const earlier = kept > 0 ? `, ${count(kept)} of them from an earlier run` : ''
    process.stdout.write(
      `${out}: lists of up to ${manifest.limit} items for ${count(manifest.users)} users${earlier} (${seconds.toFixed(1)} s)\n`,
    )
  } finally {
    bar.stop()
  }
}
