# SPDX-License-Identifier: MIT
"""A Django project in one file: models in an sqlite database, views, templates, forms; after some requests."""
import sys
import types

import django
from django.conf import settings

settings.configure(
    DEBUG=True, SECRET_KEY="not secret", ROOT_URLCONF="project_urls", ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies", USE_TZ=True,
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {
                    "page.html": "{% for user in users %}<p>{{ user.username|title }} {{ user.date_joined|date }}</p>"
                                 "{% empty %}none{% endfor %}"})]}}],
)
django.setup()

from django import forms  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db.models import Count, Q  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402


class NameForm(forms.Form):
    name = forms.CharField(max_length=20)
    age = forms.IntegerField(required=False)


def page(request):
    request.session["seen"] = True
    return render(request, "page.html", {"users": User.objects.filter(Q(is_active=True) | Q(pk__gt=3)).order_by("pk")})


def form(request):
    bound = NameForm(request.POST)
    return JsonResponse({"valid": bound.is_valid(), "errors": bound.errors})


urls = types.ModuleType("project_urls")
urls.urlpatterns = [path("", page), path("form/", form, name="form")]
sys.modules["project_urls"] = urls

call_command("migrate", verbosity=0)
groups = [Group.objects.create(name="group %d" % i) for i in range(5)]
users = [User.objects.create_user("user%d" % i) for i in range(30)]
for number, user in enumerate(users):
    user.groups.add(groups[number % 5])
kept = []
for number in range(20):
    client = Client()
    client.force_login(users[number], backend="django.contrib.auth.backends.ModelBackend")
    kept += [client, client.get("/"), client.post("/form/", {"name": "n" * number, "age": "x"}), client.get("/missing")]
lazy = User.objects.filter(groups__name__startswith="group").annotate(number=Count("groups")).select_related()
half_read = lazy.iterator()
kept.append(next(half_read))
