/**
 * Writes a line to stdout and waits until it is written.
 *
 * @throws Error when it cannot be, as where the disk is full.
 */
export function print(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      reject(new Error(`cannot write to stdout: ${error.code === 'ENOSPC' ? 'the disk is full' : error.message}`))
    }
    process.stdout.once('error', failed)
    process.stdout.write(`${line}\n`, error => {
      if (error) return failed(error)
      process.stdout.off('error', failed)
      resolve()
    })
  })
}
