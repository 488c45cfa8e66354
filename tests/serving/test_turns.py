import asyncio

from motionlens.serving.turns import Turns


def run(work):
    async def with_deadline():
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(with_deadline())


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


def test_addresses_take_turns_whatever_they_send():
    order = []

    async def work():
        turns, go = Turns(1), asyncio.Event()

        async def one(address):
            async with turns.turn(address):
                order.append(address)
                await go.wait()

        tasks = [asyncio.create_task(one(address)) for address in "aaaaaabbc"]
        await settle()
        assert order == ["a"]
        go.set()
        await asyncio.gather(*tasks)

    run(work())
    assert order == list("aabcabaaa")


def test_no_more_than_may_have_their_turn_do():
    inside, most = 0, 0

    async def work():
        turns = Turns(3)

        async def one(number):
            nonlocal inside, most
            async with turns.turn(str(number % 4)):
                inside += 1
                most = max(most, inside)
                await settle()
                inside -= 1

        await asyncio.gather(*(one(number) for number in range(20)))

    run(work())
    assert (inside, most) == (0, 3)


def test_a_turn_of_one_who_leaves_is_not_lost():
    async def work():
        turns, go = Turns(1), asyncio.Event()

        async def one():
            async with turns.turn("a"):
                await go.wait()

        first, second, third, fourth = (asyncio.create_task(one()) for _ in range(4))
        await settle()
        second.cancel()  # while it waits
        await settle()
        first.cancel()  # while it has its turn, which the third gets,
        await asyncio.sleep(0)
        third.cancel()  # before it knows
        await settle()
        go.set()
        await fourth
        async with turns.turn("b"):
            pass

    run(work())


def test_a_fault_ends_a_turn():
    async def work():
        turns = Turns(1)
        for _ in range(3):
            try:
                async with turns.turn("a"):
                    raise ValueError
            except ValueError:
                pass

    run(work())
