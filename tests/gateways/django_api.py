"""A Django REST framework that tells whose credential it read; KEYS in the environment says whose each key is.

Its own BasicAuthentication and TokenAuthentication read the headers, and only the look-up is ours.
"""

import json
import os

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests alone",
    REST_FRAMEWORK={"UNAUTHENTICATED_USER": None},
    INSTALLED_APPS=["rest_framework"],
)

import django  # noqa: E402 - Django wants its settings first

django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402 - as above
from django.urls import path  # noqa: E402 - as above
from rest_framework.authentication import BasicAuthentication, TokenAuthentication  # noqa: E402 - as above
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402 - as above
from rest_framework.response import Response  # noqa: E402 - as above
from rest_framework.views import APIView  # noqa: E402 - as above

KEYS = json.loads(os.environ["KEYS"])


def owner(*keys):
    for key in keys:
        if key in KEYS:
            return KEYS[key], key
    raise AuthenticationFailed


class Basic(BasicAuthentication):
    def authenticate_credentials(self, userid, password, request=None):
        return owner(userid, f"{userid}:{password}")


class Bearer(TokenAuthentication):
    keyword = "Bearer"

    def authenticate_credentials(self, key):
        return owner(key)


class Token(Bearer):
    keyword = "Token"


class Whose(APIView):
    authentication_classes = (Basic, Bearer, Token)
    permission_classes = ()

    def get(self, request):
        return Response({"account": request.user})


urlpatterns = [path("", Whose.as_view())]
application = get_asgi_application()
