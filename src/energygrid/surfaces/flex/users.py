"""Users: whose assets they are."""

from uuid import UUID

from fastapi import APIRouter

from energygrid.flexibility.registry import users
from energygrid.surfaces.common.deps import Db, Now
from energygrid.surfaces.flex.auth import FlexCaller
from energygrid.surfaces.flex.errors import answers
from energygrid.surfaces.flex.fields import Name, example
from energygrid.surfaces.flex.wire import In, Instant, Out, Page, Paged

router = APIRouter(tags=["Users"])


class UserIn(In):
    """`userId` is your own id of the user: send no name and no address."""

    model_config = example({"userId": "anna"})

    user_id: Name


class UserOut(Out):
    model_config = example(
        {
            "uuid": "5d0a5f7e-14a1-4c0a-9d3f-0b8c2a6f1e34",
            "userId": "anna",
            "createdAt": "2026-01-05T09:00:00.000Z",
        }
    )

    uuid: UUID
    user_id: str
    created_at: Instant


@router.post("/users", status_code=201, operation_id="createUser", responses=answers())
def create_user(caller: FlexCaller, body: UserIn, db: Db, now: Now) -> UserOut:
    """Make a user. One of that id who is there already is the answer: asking again changes nothing."""
    return _out(db.write(users.create, caller.tenant, body.user_id, now))


@router.get("/users", operation_id="listUsers", responses=answers())
def list_users(caller: FlexCaller, db: Db, paging: Paged) -> Page[UserOut]:
    """All users, the oldest first."""
    found, total = db.read(users.listed, caller.tenant, paging.offset, paging.page_size)
    return paging.of([_out(each) for each in found], total)


def _out(user: users.User) -> UserOut:
    return UserOut(uuid=user.uuid, user_id=user.user_id, created_at=user.created_at)
