/**
 * Importing this has all that is printed fail in words. Where nobody reads on, as after `| head -1`, what is left is not
 * printed and the work goes on to its end; where the disk is full, the process ends.
 */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return
  const reason = error.code === 'ENOSPC' ? 'the disk is full' : error.message
  process.stderr.write(`aurochs: standard output could not be written: ${reason}\n`)
  process.exit(1)
})
// There is no place left to say it.
process.stderr.on('error', () => {})
