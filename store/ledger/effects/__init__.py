"""What a change of listings causes beyond the register, in the transaction that changed them.

    rows before and after ──▶ ListingChange ─┬─▶ lock_lifting   locks without support are lifted ──┐
                                             ├─▶ watch_events   clients that watch the subject     ├─▶ outbox
                                             └─▶ corrections    clients whose answer was wrong     ┘

It runs after the rows are written, so that no concurrent transaction can make a lock on a listing that has just ended
(``store.locks.support`` locks the rows until the lock is written).

change         the row of one listing before and after
apply          all effects of one update
lock_lifting   lifts locks that no listing supports any more
watch_events   events for watched subjects
corrections    events for decisions that counted a listing which was wrong
"""
