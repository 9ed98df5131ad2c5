import { STATUS_CODES } from 'node:http'

/** Statuses that are counted one by one: all registered ones, and the two in common use beside them. Slot 0 is for any other. */
export const statusLabels: readonly string[] = ['other', ...new Set([...Object.keys(STATUS_CODES), '499', '529'])]

const slots = new Uint8Array(1000)
for (const [slot, label] of statusLabels.entries()) if (slot > 0) slots[Number(label)] = slot

/** The slot of a status; 0 for one that nobody registered. */
export function statusSlot(status: number): number {
  return slots[status] ?? 0
}

/** Statuses by their hundreds, where they are counted by tenant; 0 (the caller got none) and anything odd is `other`. */
export const statusClasses: readonly string[] = ['other', '1xx', '2xx', '3xx', '4xx', '5xx']

/** The place of a status in `statusClasses`. */
export function statusClass(status: number): number {
  return status >= 100 && status < 600 ? (status / 100) | 0 : 0
}
