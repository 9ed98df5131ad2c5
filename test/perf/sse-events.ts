/** The field of a request that says which stream is wanted: its number, how many events, and the ms between two. */
export const streamField = 'x-perf-stream'

/** Where the µs of sending and the number stand in an event. */
export const stamp: RegExp = /"perf":\[(\d+),(\d+),(\d+)\]/

/**
 * Event `k` of the `count` events of a stream, sent at `at` µs of the clock that all processes of a machine share. The load makes it
 * anew from its stamp, and compares every byte.
 */
export function eventText(stream: number, k: number, count: number, at: number): string {
  const perf = `"perf":[${stream},${k},${at}]`
  switch (count - k) {
    case count:
      return event(
        'message_start',
        `"message":{"id":"msg_${stream}","type":"message","role":"assistant","model":"claude-perf","content":[],"stop_reason":null,"usage":{"input_tokens":312,"output_tokens":1}},${perf}`,
      )
    case count - 1:
      return event('content_block_start', `"index":0,"content_block":{"type":"text","text":""},${perf}`)
    case 3:
      return event('content_block_stop', `"index":0,${perf}`)
    case 2:
      return event('message_delta', `"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":${count}},${perf}`)
    case 1:
      return event('message_stop', perf)
    default:
      return event('content_block_delta', `"index":0,"delta":{"type":"text_delta","text":"word ${k} and"},${perf}`)
  }
}

/** µs of the monotonic clock. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

function event(type: string, rest: string): string {
  return `event: ${type}\ndata: {"type":"${type}",${rest}}\n\n`
}
