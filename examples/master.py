"""Square roots again, the master in a script of its own: the slaves are in slave.py.

Teaches: tasks and results may be asked for anywhere in a program; a large value that all tasks need
travels once to each slave, as global state.
    nws server start
    python examples/master.py &
    python examples/slave.py demo, in other shells, as often as you like
"""

from nws.masterslave import GlobalStateValue, TaskRaisedException, initializeMasterProcess

tasks = initializeMasterProcess("demo")

for number in range(5):
    tasks.requestTask("sqrt", float(number - 1))  # the first one raises an exception
for _ in range(5):
    try:
        task_id, tag, (number, root) = tasks.retrieveResult("sqrt")
        print(f"{task_id}: the square root of {number} is {root:.3f}")
    except TaskRaisedException as error:
        print(f"{error.task_id} raised {error.exception!r}")

state = tasks.setGlobalState(table=[number * number for number in range(100_000)])
for number in range(3):
    tasks.requestTask("look_up", GlobalStateValue(state, "table"), number)
print(sorted(tasks.retrieveResult("look_up")[2] for _ in range(3)))
