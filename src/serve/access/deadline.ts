/** The longest wait that timers know, in ms. */
const longestTimeout = 2 ** 31 - 1

/**
 * Calls `onPassed` once `deadline` has passed, a time of `performance.now()`, which no change of the clock on the wall
 * moves; never where it is infinite. Gives what ends that. It keeps no process running.
 */
export function atDeadline(deadline: number, onPassed: () => void): () => void {
  if (deadline === Number.POSITIVE_INFINITY) return () => {}
  let timer: NodeJS.Timeout
  const arm = () => {
    const left = Math.ceil(deadline - performance.now())
    timer = setTimeout(() => (performance.now() < deadline ? arm() : onPassed()), Math.min(left, longestTimeout))
    timer.unref()
  }
  arm()
  return () => clearTimeout(timer)
}
